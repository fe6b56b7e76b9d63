"""The request headers that steer an answer: Prefer, If-None-Match, Accept, Idempotency-Key, Last-Event-ID."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from workmill.http.problem import MALFORMED_REQUEST, PRECONDITION_FAILED, Problem, invalid_parameter

KEY_LENGTH = 255

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What If-None-Match names: versions, or any at all."""

    versions: frozenset[str]
    is_any: bool

    def match(self, version: int) -> bool:
        """Whether the client has this version already."""
        return self.is_any or str(version) in self.versions


def preferred_wait(request: Request) -> int | None:
    """Return the seconds of `Prefer: wait=n`; what cannot be read is ignored, as RFC 7240 asks."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    found = (_WAIT.fullmatch(preference.strip()) for preference in preferences)
    return next((int(match[1]) for match in found if match), None)


def none_match(request: Request) -> Tags | None:
    """Return what If-None-Match names, or None without one."""
    given = request.headers.getlist("if-none-match")
    if not given:
        return None
    text = ",".join(given)
    return Tags(versions=frozenset(_TAG.findall(text)), is_any=text.strip() == "*")


def if_match(request: Request) -> str | None:
    """Return what If-Match names, or None without one.

    Raises:
        Problem: It names several things, or any: a change is made to one that the client has seen.
    """
    given = ",".join(request.headers.getlist("if-match")).strip()
    if not given:
        return None
    tag = _TAG.fullmatch(given)
    if tag is None:
        raise Problem(PRECONDITION_FAILED, "If-Match names nothing of this: send the ETag that it had, in its quotes")
    return tag[1]


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, with its quotes taken off where it has them.

    Raises:
        Problem: There are two, or it has no or too many characters, or such as do not print.
    """
    given = request.headers.getlist("idempotency-key")
    if len(given) > 1:
        raise Problem(MALFORMED_REQUEST, "the header Idempotency-Key is there more than once: send it once")
    if not given:
        return None
    text = given[0].strip()
    quoted = _QUOTED.fullmatch(text)
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else text
    if not (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
        raise invalid_parameter("Idempotency-Key", text, f"use 1 to {KEY_LENGTH} printable ASCII characters")
    return key


def accepts(request: Request, media_type: str) -> bool:
    """Whether the client would take this media type."""
    given = request.headers.getlist("accept")
    if not given:
        return True
    kind = media_type.split("/", 1)[0]
    ranges = (each.partition(";") for each in ",".join(given).split(","))
    weights = {name.strip().lower(): parameters.replace(" ", "").lower() for name, _, parameters in ranges}
    named = next((weights[name] for name in (media_type, f"{kind}/*", "*/*") if name in weights), None)
    return named is not None and re.search(r"(?:^|;)q=0(?:\.0*)?(?:;|$)", named) is None


def last_event_id(request: Request) -> str | None:
    """Return the id of the last event that the client has seen."""
    return request.headers.get("last-event-id") or None

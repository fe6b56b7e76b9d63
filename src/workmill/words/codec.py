"""JSON text and records, one into the other: how the rooms write what is not a column of its own.

Nothing here imports or builds a type by a stored name. What cannot be read raises `ValueError` and nothing else.
"""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from workmill.words.job import Progress
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.ticks import TICK

Json: TypeAlias = Any
"""What `json.loads` gives: dict, list, str, int, float, bool or None. The one place where `Any` is at home."""


def dump(value: Json) -> bytes:
    """Write a JSON value compactly, as UTF-8.

    Raises:
        ValueError: It has no JSON form: an unknown type, NaN or infinity, a lone surrogate, or too deep a nesting.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def load(text: bytes | str) -> Json:
    """Read a JSON value.

    Raises:
        ValueError: It is not JSON: also NaN and infinity, and a nesting too deep to read.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


@lru_cache(maxsize=1024)
def dump_policy(policy: Policy) -> str:
    """Write a policy: only what differs from the defaults, so that the common one is `{}`; lengths in microseconds."""
    plain = Policy()
    backoff, standard = policy.backoff, plain.backoff
    pairs = {
        "attempts": (policy.max_attempts, plain.max_attempts),
        "deaths": (policy.max_deaths, plain.max_deaths),
        "timeout": (None if policy.timeout is None else _ticks(policy.timeout), None),
        "keep": (_ticks(policy.keep), _ticks(plain.keep)),
        "expires": (None if policy.expires is None else _ticks(policy.expires), None),
        "first": (_ticks(backoff.first), _ticks(standard.first)),
        "factor": (backoff.factor, standard.factor),
        "most": (_ticks(backoff.most), _ticks(standard.most)),
        "jitter": (backoff.jitter, standard.jitter),
    }
    return dump({name: value for name, (value, default) in pairs.items() if value != default}).decode()


@lru_cache(maxsize=1024)
def load_policy(text: str) -> Policy:
    """Read what `dump_policy` wrote.

    Raises:
        ValueError: It is not a policy.
    """
    plain, fields = Policy(), load(text)
    try:
        timeout, expires = fields.get("timeout"), fields.get("expires")
        return Policy(
            max_attempts=int(fields.get("attempts", plain.max_attempts)),
            max_deaths=int(fields.get("deaths", plain.max_deaths)),
            timeout=None if timeout is None else timeout * TICK,
            keep=fields.get("keep", _ticks(plain.keep)) * TICK,
            expires=None if expires is None else expires * TICK,
            backoff=_load_backoff(fields, plain.backoff),
        )
    except (AttributeError, TypeError, OverflowError) as error:
        raise ValueError(f"not a policy: {text[:80]!r}") from error


def dump_failure(failure: Failure) -> str:
    """Write a failure. Lone surrogates, which an exception's text may hold, become `?`."""
    fields = {
        "kind": str(failure.kind),
        "type": failure.type,
        "message": failure.message,
        "traceback": failure.traceback,
    }
    return dump({name: _writable(text) for name, text in fields.items()}).decode()


def load_failure(text: str) -> Failure:
    """Read what `dump_failure` wrote.

    Raises:
        ValueError: It is not a failure.
    """
    try:
        fields = load(text)
        return Failure(
            kind=FailureKind(fields["kind"]),
            type=str(fields["type"]),
            message=str(fields["message"]),
            traceback=str(fields["traceback"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a failure: {text[:80]!r}") from error


def dump_progress(progress: Progress) -> str:
    """Write a progress."""
    message = None if progress.message is None else _writable(progress.message)
    return dump([progress.current, progress.total, message]).decode()


def load_progress(text: str) -> Progress:
    """Read what `dump_progress` wrote.

    Raises:
        ValueError: It is not a progress.
    """
    match load(text):
        case [int() | float() as current, int() | float() | None as total, str() | None as message]:
            return Progress(current=current, total=total, message=message)
    raise ValueError(f"not a progress: {text[:80]!r}")


def _load_backoff(fields: dict[str, Any], plain: Backoff) -> Backoff:
    return Backoff(
        first=fields.get("first", _ticks(plain.first)) * TICK,
        factor=float(fields.get("factor", plain.factor)),
        most=fields.get("most", _ticks(plain.most)) * TICK,
        jitter=float(fields.get("jitter", plain.jitter)),
    )


def _ticks(length: timedelta) -> int:
    return length // TICK


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")

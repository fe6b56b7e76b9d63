"""How the web application says no: with the field, its value and the reason; a page for a browser, else JSON."""

from collections.abc import Iterable
from typing import TypedDict
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError

from workmill import StoreUnavailable

LONGEST_ECHO = 120
SAFE = {"GET", "HEAD", "OPTIONS"}


class Problem(TypedDict):
    """One thing that is wrong with a request."""

    field: str
    value: str
    reason: str


class Refused(Exception):
    """Answer this request with the status and the problems."""

    def __init__(self, status: int, problems: Iterable[Problem]) -> None:
        super().__init__(status)
        self.status = status
        self.problems = list(problems)


def refuse(status: int, field: str, value: object, reason: str) -> Refused:
    """Return the refusal of one value."""
    text = str(value)
    shown = text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"
    return Refused(status, [Problem(field=field, value=shown, reason=reason)])


def refuse_order(error: ValidationError, fields: Iterable[str]) -> Refused:
    """Return the refusal of a body that is no order: 400 where it is not even JSON."""
    status = 400 if any(each["type"] == "json_invalid" for each in error.errors()) else 422
    problems = [
        refuse(
            status,
            ".".join(map(str, each["loc"])) or "body",
            each["input"],
            f"{each['msg']}; the fields are {', '.join(fields)}",
        ).problems[0]
        for each in error.errors()
    ]
    return Refused(status, problems)


def install_refusals(app: Flask) -> None:
    """Make every error an answer that says what is wrong, and take no orders from pages of other sites."""
    app.before_request(_refuse_other_sites)
    app.register_error_handler(Refused, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(StoreUnavailable, _answer_unavailable)


def wants_page() -> bool:
    """Whether whoever asks reads pages: a browser; a program that does not say gets JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _refuse_other_sites() -> None:
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    # A browser says where a request comes from; other programs are asked by nobody else than whoever runs them.
    is_own = site in {"same-origin", "none"} if site else origin is None or urlsplit(origin).netloc == request.host
    if not is_own:
        raise refuse(403, "Origin", origin or site, "this request comes from a page of another site; use this one's")


def _answer(refused: Refused) -> tuple[Response, int]:
    if wants_page():
        return Response(render_template("refused.html", problems=refused.problems)), refused.status
    return jsonify(errors=refused.problems), refused.status


def _answer_http(error: HTTPException) -> tuple[Response, int]:
    match error:
        case RequestEntityTooLarge():
            reason = f"it is larger than {request.max_content_length} bytes; send less"
            return _answer(refuse(413, "body", f"{request.content_length} bytes", reason))
        case SecurityError():
            reason = "this host is not served; use localhost, or name the host in ROBOT_TRUSTED_HOSTS"
            return _unbound(refuse(400, "Host", request.environ.get("HTTP_HOST"), reason))
        case _:
            reason = error.description or error.name
            return _answer(refuse(error.code or 500, request.path, request.method, reason))


def _unbound(refused: Refused) -> tuple[Response, int]:
    """Answer where not even the address of this page can be trusted: without a page, which would link to others."""
    return jsonify(errors=refused.problems), refused.status


def _answer_unavailable(error: StoreUnavailable) -> tuple[Response, int]:
    answer, status = _answer(refuse(503, "store", "", f"the job store did not answer ({error}); try again"))
    answer.headers["Retry-After"] = "1"
    return answer, status

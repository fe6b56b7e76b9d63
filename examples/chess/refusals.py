"""How the web application says no: always JSON that names the field, the value and the reason."""

import json
from collections.abc import Iterable
from typing import TypedDict

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError

from workmill import ArgumentError, InvalidArguments, StoreUnavailable

LONGEST_ECHO = 120


class Problem(TypedDict):
    """One thing that is wrong with a request."""

    field: str
    value: object
    reason: str


class Refused(Exception):
    """Answer this request with the status and the problems."""

    def __init__(self, status: int, problems: Iterable[Problem]) -> None:
        super().__init__(status)
        self.status = status
        self.problems = list(problems)


def refuse(status: int, field: str, value: object, reason: str) -> Refused:
    """Return the refusal of one value."""
    return Refused(status, [Problem(field=field, value=_echo(value), reason=reason)])


def refuse_arguments(error: InvalidArguments, raw: bytes, fields: Iterable[str]) -> Refused:
    """Return the refusal of a body that does not match the task's signature: 400 where it is not even JSON."""
    is_json = all(each.type != "json_invalid" for each in error.errors)
    given = json.loads(raw) if is_json else None
    return Refused(422 if is_json else 400, [_problem(each, given, raw, ", ".join(fields)) for each in error.errors])


def install_refusals(app: Flask) -> None:
    """Make every error of the application an answer in JSON."""
    app.register_error_handler(Refused, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(StoreUnavailable, _answer_unavailable)
    app.register_error_handler(OperationalError, _answer_unavailable)


def _answer(refused: Refused) -> tuple[Response, int]:
    return jsonify(errors=refused.problems), refused.status


def _answer_http(error: HTTPException) -> Response:
    response = jsonify(errors=[_http_problem(error)])
    response.status_code = error.code or 500
    response.headers.extend((name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"})
    return response


def _http_problem(error: HTTPException) -> Problem:
    match error:
        case RequestEntityTooLarge():
            most = request.max_content_length
            reason = f"it is larger than {most} bytes, and no analysis needs that much; send only its fields"
            return Problem(field="body", value=request.content_length, reason=reason)
        case SecurityError():
            reason = "this host is not served; use localhost, or name the host in CHESS_TRUSTED_HOSTS"
            return Problem(field="Host", value=_echo(request.environ.get("HTTP_HOST")), reason=reason)
        case _:
            return Problem(field=request.path, value=request.method, reason=error.description or error.name)


def _answer_unavailable(error: StoreUnavailable) -> tuple[Response, int, dict[str, str]]:
    problem = Problem(field="store", value=None, reason=f"the job store did not answer ({error}); try again")
    return jsonify(errors=[problem]), 503, {"Retry-After": "1"}


def _problem(error: ArgumentError, given: object, raw: bytes, fields: str) -> Problem:
    field = error.pointer.removeprefix("#").removeprefix("/").split("/")[0]
    if not field or not isinstance(given, dict):
        reason = f'{error.detail}; send one JSON object, as in {{"fen": "…"}}'
        return Problem(field="body", value=_echo(raw.decode(errors="replace")), reason=reason)
    if field not in given:
        reason = f"it is required; the fields are {fields}"
    elif error.type == "extra_forbidden":
        reason = f"there is no such field; the fields are {fields}"
    else:
        reason = error.detail
    return Problem(field=field, value=_echo(given.get(field)), reason=reason)


def _echo(value: object) -> object:
    """Return the value, cut where it is so long that it would hide the reason."""
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"

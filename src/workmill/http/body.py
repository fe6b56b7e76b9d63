"""A request's body: read up to a limit and within a time, and only where it says that it is JSON."""

import asyncio
import json

from starlette.requests import Request

from workmill.http.problem import (
    BODY_TOO_LARGE,
    MALFORMED_JSON,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    Document,
    Problem,
)

MEDIA_TYPE = "application/json"
LIMIT_BYTES = 1024 * 1024
DEADLINE_SECONDS = 30.0

_FORM = "application/x-www-form-urlencoded"


async def read_json(request: Request) -> bytes:
    """Return the body as it was sent, unread; an absent one is the empty object.

    `application/x-www-form-urlencoded` is taken, too, where the body begins as a JSON object: that is what
    `curl -d` says without being told otherwise, and no form that a browser encodes can begin so.

    Raises:
        Problem: It is too large, came too slowly, is compressed, or of another media type.
    """
    _refuse_encoding(request)
    raw = await _read(request)
    if not raw and "content-type" not in request.headers:
        return b"{}"
    _refuse_media_type(request, raw)
    return raw


async def read_object(request: Request) -> Document:
    """Return the body as a JSON object; an absent one is the empty object.

    Raises:
        Problem: It cannot be read, as `read_json`, or it is not a JSON object, with each name once.
    """
    raw = await read_json(request)
    try:
        value = json.loads(raw, object_pairs_hook=_each_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Problem(MALFORMED_JSON, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        wrong = {"pointer": "#", "detail": "give a JSON object", "type": "object_type"}
        raise Problem(VALIDATION_FAILED, "the body is no JSON object", errors=[wrong])
    return value


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > LIMIT_BYTES):
        raise _too_large()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _gather(request)
    except TimeoutError:
        raise Problem(REQUEST_TIMEOUT, f"the body did not end within {DEADLINE_SECONDS:g} s") from None


async def _gather(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT_BYTES:
            raise _too_large()
    return bytes(body)


def _each_once(pairs: list[tuple[str, object]]) -> Document:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names a key twice")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _too_large() -> Problem:
    detail = f"a body may have {LIMIT_BYTES} bytes: store large data elsewhere and send its address"
    return Problem(BODY_TOO_LARGE, detail, members={"limit": LIMIT_BYTES})


def _refuse_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding!r} is refused: send the body uncompressed")


def _refuse_media_type(request: Request, raw: bytes) -> None:
    given = request.headers.get("content-type", MEDIA_TYPE)
    name, _, parameters = given.lower().partition(";")
    is_utf8 = "charset" not in parameters or "utf-8" in parameters
    is_json = name.strip() == MEDIA_TYPE and is_utf8
    is_curl = name.strip() == _FORM and raw.lstrip().startswith(b"{")
    if not (is_json or is_curl):
        detail = f"Content-Type {given!r} is refused: send {MEDIA_TYPE} in UTF-8"
        raise Problem(UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Post": MEDIA_TYPE})

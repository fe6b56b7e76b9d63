"""What a form sends: read up to a size and within a time."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MEDIA_TYPE = "application/x-www-form-urlencoded"
LIMIT_BYTES = 2 * 1024 * 1024
"""Twice what a job's arguments may have, as a form writes many characters as three."""
MOST_CONTROLS = 5000
DEADLINE_SECONDS = 30.0


class Sent:
    """The controls of one form, in their order."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    @property
    def controls(self) -> Mapping[str, str]:
        """The controls by name; of those that share one, the last."""
        return dict(self._pairs)

    def one(self, name: str) -> str:
        """Return what a control has, without blanks around it; "" where it was not sent."""
        return self.controls.get(name, "").strip()

    def many(self, name: str) -> list[str]:
        """Return what all controls of a name have."""
        return [value for key, value in self._pairs if key == name]


async def read_form(request: Request) -> Sent:
    """Return what a form sent.

    Raises:
        HTTPException: It is too large, came too slowly, or is no form.
    """
    if request.headers.get("content-type", MEDIA_TYPE).partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(415, f"Send a form, as {MEDIA_TYPE}.")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            raw = await _read(request)
    except TimeoutError:
        raise HTTPException(408, "The form came too slowly.") from None
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_CONTROLS, errors="strict")
    except ValueError:  # not ASCII, not UTF-8 behind the percent signs, or too many controls
        raise HTTPException(400, f"This is no form of at most {MOST_CONTROLS:,} controls.") from None
    return Sent(pairs)


async def _read(request: Request) -> bytes:
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > LIMIT_BYTES:
            raise HTTPException(413, f"The form has more than {LIMIT_BYTES:,} bytes.")
        parts.append(part)
    return b"".join(parts)

"""What the tests of the dashboard share: an application, a browser's requests to it, and a worker moved by hand."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import httpx2
import pytest
from pydantic import BaseModel

from tests.http.hand import Hand
from workmill import App
from workmill.dashboard import asgi

BROWSER = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of its own accord when a page sends a form to where it came from."""


class Position(BaseModel):
    """A place on a plane, to have a schema that refers to another."""

    x: int
    y: int = 0


@pytest.fixture
def app() -> Iterator[App]:
    app = App("memory://")

    @app.task
    def add(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    @app.task(name="plane.move", queue="plane")
    def move(place: Position, way: Literal["left", "right"] = "left") -> Position:
        return place if way == "left" else Position(x=place.x + 1, y=place.y)

    @app.task
    def echo(value):  # noqa: ANN001, ANN202 - takes and gives anything
        return value

    yield app
    app.close()


Browsing = Callable[..., httpx2.AsyncClient]


@pytest.fixture
async def browsing(app: App) -> AsyncIterator[Browsing]:
    """Make clients that send what a browser sends; options are those of `asgi`."""
    made: list[httpx2.AsyncClient] = []

    def browse(
        *, headers: dict[str, str] | None = None, client: str = "127.0.0.1", **options: Any
    ) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=asgi(app, **options), client=(client, 50000))
        sent = BROWSER if headers is None else headers
        made.append(httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=sent))
        return made[-1]

    yield browse
    for each in made:
        await each.aclose()


@pytest.fixture
async def client(browsing: Browsing) -> httpx2.AsyncClient:
    """Give a browser on this machine, which may do everything."""
    return browsing()


@pytest.fixture
async def hand(app: App) -> AsyncIterator[Hand]:
    async with Hand.of(app) as hand:
        yield hand

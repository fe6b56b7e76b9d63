"""What the tests of the HTTP door share: an application, a client of its API, and a worker moved by hand."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

import httpx2
import pytest
from pydantic import BaseModel

from tests.http.hand import Hand
from workmill import App
from workmill.http import asgi


class Position(BaseModel):
    """A place on a plane, to have a schema that refers to another."""

    x: int
    y: int = 0


@pytest.fixture
def app() -> Iterator[App]:
    app = App("memory://")

    @app.task
    def add(a: int, b: int = 2) -> int:
        """Add two numbers.

        They may be of any size.
        """
        return a + b

    @app.task(name="plane.move", queue="plane")
    def move(place: Position, way: Literal["left", "right"] = "left") -> Position:
        return place if way == "left" else Position(x=place.x + 1, y=place.y)

    @app.task
    def echo(value):  # noqa: ANN001, ANN202 - takes and gives anything
        return value

    @app.task
    def tick() -> None:
        """Do nothing."""

    yield app
    app.close()


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=asgi(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def hand(app: App) -> AsyncIterator[Hand]:
    async with Hand.of(app) as hand:
        yield hand

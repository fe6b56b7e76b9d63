"""The landing page, and below it the five examples and the dashboard, as one ASGI application."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from a2wsgi import WSGIMiddleware
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from examples.chess.web import create_app as chess
from examples.demo.tasks import app as mill
from examples.one_at_a_time.web import create_app as one_at_a_time
from examples.producer_consumer.web import create_app as producer_consumer
from examples.robot.web import create_app as robot
from examples.sentiment.web import create_app as sentiment
from workmill import serving

if TYPE_CHECKING:
    from a2wsgi.wsgi_typing import WSGIApp

HERE = Path(__file__).resolve().parent
THREADS = 16
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Example:
    """What the landing page says of an example."""

    name: str
    title: str
    text: str
    made_of: str


EXAMPLES = (
    Example(
        "chess",
        "Chess analysis",
        "Takes a position at once, whatever the load, and lets Stockfish think about it elsewhere.",
        "Flask, SQLAlchemy",
    ),
    Example(
        "producer_consumer",
        "Producer and consumer",
        "A queue that holds ten, three who fill it, two who empty it, and a channel that everybody hears.",
        "Flask",
    ),
    Example(
        "one_at_a_time",
        "One task at a time",
        "Start, status, cancel: whoever starts it first has it, and a cancel ends whatever it does.",
        "FastAPI",
    ),
    Example(
        "sentiment",
        "Sentiment analysis",
        "Four tools look at one text side by side; nothing is forgotten, whatever crashes.",
        "Django",
    ),
    Example(
        "robot",
        "A form and a robot",
        "A robot that a person starts and stops: it fetches records round after round, and no two rounds overlap.",
        "Flask",
    ),
)


def create_app() -> Starlette:
    """Return the whole demo."""
    routes = [Route("/", page), Mount("/static", StaticFiles(directory=HERE / "static"))]
    routes += [Mount(f"/{name}", application) for name, application in applications().items()]
    local = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
    demo = Starlette(routes=routes, middleware=[local], lifespan=_closing)
    demo.state.page = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    ).get_template("page.html")
    return demo


def applications() -> dict[str, ASGIApp]:
    """Return what is mounted, by path."""
    threaded: dict[str, Callable[[], object]] = {
        "chess": chess,
        "producer_consumer": producer_consumer,
        "robot": robot,
        "sentiment": sentiment,
    }
    below = {name: _on_threads(create()) for name, create in threaded.items()}
    return {**below, "one_at_a_time": one_at_a_time(), "jobs": serving.asgi(mill)}


def _on_threads(application: object) -> ASGIApp:
    """Return a WSGI application as ASGI. The three packages have three ways to write these types down."""
    return cast("ASGIApp", WSGIMiddleware(cast("WSGIApp", application), workers=THREADS))


@asynccontextmanager
async def _closing(_: Starlette) -> AsyncIterator[None]:
    # A mounted application is told nothing of the server's life; so this one closes the store that the dashboard reads.
    try:
        yield
    finally:
        mill.close()


async def page(request: Request) -> HTMLResponse:
    """Answer the landing page."""
    text = request.app.state.page.render(examples=EXAMPLES, store=mill.masked_url)
    return HTMLResponse(text, headers=SECURITY_HEADERS)

"""The web half: it puts an element on the queue or publishes one, and shows what everybody does."""

import logging
import random

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, SecurityError, ServiceUnavailable

from examples.producer_consumer.floor import Floor
from examples.producer_consumer.saying import Hearing, Line, Part, log, say
from examples.producer_consumer.tasks import BOUND, CHANNEL, bound_queue, consume
from examples.producer_consumer.tasks import app as mill
from workmill import QueueFull, StoreUnavailable
from workmill.contrib.flask import Workmill

WHO = "the page"
WAIT_SECONDS = 5.0
"""How long a click waits for room in the queue."""
RETRY_SECONDS = 2
LONGEST_BODY = 1024
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app() -> Flask:
    """Return the Flask application. Variables named `PRODUCER_CONSUMER_…` set its configuration."""
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=LONGEST_BODY, TRUSTED_HOSTS=["localhost", "127.0.0.1", "[::1]"], SECONDS=0.5)
    app.config.from_prefixed_env("PRODUCER_CONSUMER")
    log.setLevel(logging.INFO)
    hearing = Hearing(mill)
    doors = Doors(hearing, float(app.config["SECONDS"]))
    app.before_request(doors.make_ready)
    app.after_request(_add_headers)
    app.register_error_handler(HTTPException, _answer_error)
    app.register_error_handler(StoreUnavailable, _answer_unavailable)
    app.add_url_rule("/", view_func=doors.page)
    app.add_url_rule("/live", view_func=doors.live)
    app.add_url_rule("/prodcons", view_func=doors.prodcons)
    app.add_url_rule("/pubsub", view_func=doors.pubsub)
    Workmill(app, mill=mill, mount="/jobs")
    return app


class Doors:
    """The routes.

    Args:
        hearing: What everybody says.
        seconds: How long it takes to consume an element of the page.
    """

    def __init__(self, hearing: Hearing, seconds: float) -> None:
        self._hearing = hearing
        self._seconds = seconds

    def make_ready(self) -> None:
        """Before the first request that a process serves, bound the queue and begin to listen."""
        if not self._hearing.is_on:
            bound_queue()
            self._hearing.start()

    def page(self) -> str:
        """Answer the page."""
        return render_template("page.html", floor=Floor.now(mill, self._hearing), bound=BOUND)

    def live(self) -> str:
        """Answer the part of the page that changes."""
        return render_template("live.html", floor=Floor.now(mill, self._hearing))

    def prodcons(self) -> Response:
        """Put a random digit on the queue, waiting a moment where it is full."""
        _refuse_strangers()
        element = random.randrange(10)  # noqa: S311 - any digit will do
        try:
            job = consume.using(wait=WAIT_SECONDS).enqueue(element, self._seconds)
        except QueueFull as full:
            reason = f"The queue is full: {BOUND} elements wait to be consumed. Nothing was put on it; try again soon."
            raise ServiceUnavailable(reason, retry_after=RETRY_SECONDS) from full
        self._say(f"has put {element} on the queue", about=job.id)
        return _back()

    def pubsub(self) -> Response:
        """Publish a random digit to whoever listens."""
        _refuse_strangers()
        element = random.randrange(10)  # noqa: S311 - likewise
        message = mill.publish(CHANNEL, element)
        self._say(f"has published {element}", about=message.id)
        return _back()

    def _say(self, what: str, *, about: str) -> None:
        say(mill, Line(who=WHO, part=Part.PRODUCER, what=what, about=about))


def _refuse_strangers() -> None:
    """Let nothing be put that nobody has asked for: by a page of another site, a browser's guess, or a mere look."""
    if request.method == "HEAD":
        raise MethodNotAllowed(["GET"])
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise Forbidden("A page of another site sent this. Use the links on this one.")
    if "prefetch" in request.headers.get("Sec-Purpose", ""):
        raise Forbidden("This is not to be fetched ahead of a click.")


def _back() -> Response:
    answer = redirect(url_for("page"), code=303)
    return Response(answer.response, answer.status, answer.headers)


def _answer_error(error: HTTPException) -> tuple[str, int, list[tuple[str, str]]]:
    if isinstance(error, SecurityError):  # in which case no page has an address here
        reason = "This host is not served. Use localhost, or name the host in PRODUCER_CONSUMER_TRUSTED_HOSTS.\n"
        return reason, 400, [("Content-Type", "text/plain")]
    headers = [(name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}]
    return render_template("refused.html", name=error.name, reason=error.description), error.code or 500, headers


def _answer_unavailable(error: StoreUnavailable) -> tuple[str, int, list[tuple[str, str]]]:
    return _answer_error(ServiceUnavailable(f"The store does not answer: {error}", retry_after=RETRY_SECONDS))


def _add_headers(response: Response) -> Response:
    response.headers.extend(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response

"""The clock of `speed.py`: the four analyses of a file, one after another and at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from examples.sentiment import ready as ready  # noqa: PLC0414 - before the models
from examples.sentiment import rounds
from examples.sentiment.migrating import migrate
from examples.sentiment.mill import app
from examples.sentiment.models import Request
from examples.sentiment.refusals import Refused
from examples.sentiment.tasks import analyse
from examples.sentiment.tools import TOOLS
from examples.sentiment.uploads import read_upload
from workmill import NewJob

DEADLINE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds from the first enqueue to the last result."""

    one_by_one: float
    at_once: float


def measured(file: Path, times: int) -> Times:
    """Return the shorter times of so many rounds, after one that nobody times: it loads what has to be loaded.

    Raises:
        click.ClickException: The file is refused.
    """
    migrate(app)
    try:
        request = rounds.store(read_upload(file.name, file.read_bytes(), {}))
    except Refused as refused:
        raise click.ClickException(f"{file}: {refused.reason}") from refused
    rounds.take_round(request, "", by_hand=True)
    _at_once(request)
    return Times(
        one_by_one=min(_seconds(_one_by_one, request) for _ in range(times)),
        at_once=min(_seconds(_at_once, request) for _ in range(times)),
    )


def _one_by_one(request: Request) -> None:
    for job in _jobs(request):
        app.enqueue_many([job])[0].result(DEADLINE_SECONDS)


def _at_once(request: Request) -> None:
    for handle in app.enqueue_many(_jobs(request)):
        handle.result(DEADLINE_SECONDS)


def _jobs(request: Request) -> list[NewJob]:
    return [analyse.job(str(request.id), 1, tool) for tool in TOOLS]


def _seconds(run: Callable[[Request], None], request: Request) -> float:
    started_at = time.perf_counter()
    run(request)
    return time.perf_counter() - started_at

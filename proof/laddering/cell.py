"""One cell of the table: a killer of one kind beside good neighbours, made to end in one way, and what came of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from proof.laddering.killers import DEADLY, Kind, application, task_of
from proof.storming.processes import ROOT
from workmill import App, JobHandle, JobState
from workmill.words.job import Ending
from workmill.words.outcome import FailureKind

LIMIT_SECONDS = 0.5
END_SECONDS = 45.0
"""How long one cell may take to come to an end."""
FREE_SECONDS = 10.0
"""How long another job may wait for the slot then."""


class Way(StrEnum):
    """How a job is made to end."""

    LIMIT = "time limit"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A killer, where it runs, and what is to end it."""

    killer: str
    kind: Kind
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a cell.

    Attributes:
        seconds: From the moment at which the job had to end, or had begun where it dies by itself, to its end.
        how: Its state, and why.
        faults: What should be otherwise; empty where the promise was kept.
    """

    cell: Cell
    seconds: float
    how: str
    faults: tuple[str, ...]


def try_cell(cell: Cell, folder: Path) -> Found:
    """Run one cell on a database and a worker tree of its own."""
    url = f"sqlite:///{folder}/jobs.db"
    with application(url) as app, _worker(url, folder), _Course(app, cell, folder) as course:
        return course.run()


class _Course:
    def __init__(self, app: App, cell: Cell, folder: Path) -> None:
        self._app = app
        self._cell = cell
        self._mark = folder / "mark"
        self._gate = folder / "gate"
        self._faults: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.touch()

    def run(self) -> Found:
        neighbours = [self._enqueue(f"wait.{kind}", self._gate) for kind in self._kinds_of_neighbours()]
        self._until("the neighbours run", lambda: all(_is_running(each) for each in neighbours))
        limit = LIMIT_SECONDS if self._cell.way is Way.LIMIT else None
        job = self._enqueue(task_of(self._cell.killer, self._cell.kind), self._mark, timeout=limit)
        self._until("the killer runs", self._mark.exists)
        pid, began = int(self._mark.read_text()), time.monotonic()
        if self._cell.way is Way.CANCEL:
            job.cancel("enough")
        self._until("the job has ended", lambda: job.refresh().state.is_final)
        seconds = time.monotonic() - began - (limit or 0.0)
        how = self._judge(job)
        self._check(lambda: not _group_of(pid), f"process {pid} is gone with all it started")
        self._check_slot()
        self._check_neighbours(neighbours)
        return Found(cell=self._cell, seconds=max(seconds, 0.0), how=how, faults=tuple(self._faults))

    def _kinds_of_neighbours(self) -> tuple[Kind, ...]:
        return (Kind.PROCESS,) * 2 if self._cell.kind is Kind.PROCESS else (Kind.ASYNC, Kind.THREAD)

    def _enqueue(self, task: str, file: Path, timeout: float | None = None) -> JobHandle[object]:
        return self._app.tasks[task].using(timeout=timeout).enqueue(str(file))

    def _judge(self, job: JobHandle[object]) -> str:
        record, said = job.record, job.record.failure
        if self._cell.killer in DEADLY and record.state is not JobState.CANCELLED:
            self._expect(record.state is JobState.FAILED and record.deaths == 3, "it is put aside after 3 deaths")
            self._expect(bool(said and said.traceback), "the last stack is kept")
            return f"failed after {record.deaths} deaths: {said.message if said else ''}"
        if self._cell.way is Way.CANCEL:
            self._expect(record.state is JobState.CANCELLED, "it is cancelled")
            return f"{record.state}"
        self._expect(said is not None and said.kind is FailureKind.TIMEOUT, "it failed by its time limit")
        self._expect(bool(said and said.traceback), "the last stack is kept")
        return f"{record.state}: {said.message if said else ''}"

    def _check_slot(self) -> None:
        open_gate = self._gate.with_name("open")
        open_gate.touch()
        began = time.monotonic()
        follower = self._enqueue(f"wait.{self._cell.kind}", open_gate)
        with suppress(Exception):
            follower.result(timeout=FREE_SECONDS)
        self._expect(
            follower.refresh().state is JobState.SUCCEEDED,
            f"its slot is free again ({time.monotonic() - began:.0f} s waited)",
        )

    def _check_neighbours(self, neighbours: list[JobHandle[object]]) -> None:
        self._gate.touch()
        for each in neighbours:
            with suppress(Exception):
                each.result(timeout=FREE_SECONDS)
            record = each.refresh().record
            endings = [attempt.ending for attempt in each.attempts()]
            unharmed = record.state is JobState.SUCCEEDED and (record.attempt, record.deaths) == (1, 0)
            harmless = set(endings) <= {Ending.RETURNED, Ending.SUCCEEDED}
            self._expect(unharmed and harmless, f"{record.task} unharmed ({record.state}, {', '.join(endings)})")

    def _expect(self, is_so: bool, what: str) -> None:  # noqa: FBT001 - a claim and whether it holds
        if not is_so:
            self._faults.append(f"not so: {what}")

    def _check(self, is_so: Callable[[], bool], what: str) -> None:
        with suppress(TimeoutError):
            self._until(what, is_so, seconds=FREE_SECONDS)
            return
        self._faults.append(f"not so: {what}")

    def _until(self, what: str, is_so: Callable[[], bool], seconds: float = END_SECONDS) -> None:
        ends_at = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > ends_at:
                raise TimeoutError(f"{self._cell}: within {seconds:g} s it was not so that {what}")
            time.sleep(0.02)


@contextmanager
def _worker(url: str, folder: Path) -> Iterator[None]:
    environment = {**os.environ, "WORKMILL_URL": url, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "proof.laddering.worker"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(30)
        worker.kill()
        worker.wait()


def _is_running(job: JobHandle[object]) -> bool:
    return job.refresh().state is JobState.RUNNING


def _group_of(leader: int) -> list[int]:
    """Return who lives of a process group: engines and solo processes lead one each."""
    living = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
            living += [int(stat.parent.name)] if state != "Z" and int(group) == leader else []
    return living

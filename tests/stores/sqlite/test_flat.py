"""What a verb costs does not rise with what is stored: counted in steps of SQLite's machine, which have no noise."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from workmill.store import JobFilter
from workmill.stores.sqlite import claiming, enqueueing, finding, leasing, pruning, reading, settling, tending
from workmill.stores.sqlite.connecting import open_writer
from workmill.stores.sqlite.driver import DRIVERS, DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.transaction import Transaction
from workmill.testing.conformance.making import TASK, end, new_job, new_jobs, new_worker, request
from workmill.words.job import JobState, NewJob
from workmill.words.ticks import moment

NOW = 2_000_000_000_000_000
MINUTE = 60_000_000
GRAIN = 10
SMALL, LARGE = 300, 6000
FOREIGN_TASKS = 20
WORKER = new_worker(tasks=(TASK, "other"), lease=timedelta(days=1))
ASKING = request(WORKER.id, tasks=WORKER.tasks, limit=20)
T = TypeVar("T")
Verb = Callable[[Transaction], object]


class Bench:
    """A file of a given size, whose steps are counted.

    It holds as many finished, scheduled and queued jobs, and queued ones of tasks that the worker does not know.
    """

    def __init__(self, path: Path, driver: DriverName, size: int) -> None:
        self._connection: Any = open_writer(path, driver_named(driver))
        self._connection.execute("PRAGMA synchronous = OFF")
        self.run(partial(leasing.register, WORKER))
        self.add(new_jobs(size), at=NOW - 60 * MINUTE)
        jobs = self.run(partial(claiming.claim, request(WORKER.id, limit=size)))
        self.run(partial(settling.settle, [end(job) for job in jobs], None))
        self.add([new_job(delay=timedelta(hours=1)) for _ in range(size)], at=NOW - 40 * MINUTE)
        self.add([new_job(task=f"foreign{n % FOREIGN_TASKS}") for n in range(size)], at=NOW - 30 * MINUTE)
        self.add([new_job(priority=n % 3) for n in range(size)], at=NOW - 20 * MINUTE)
        self.held = self.run(partial(claiming.claim, ASKING))

    def add(self, batch: list[NewJob], *, at: int = NOW) -> None:
        self.run(partial(enqueueing.enqueue, batch), at)

    def run(self, verb: Callable[[Transaction], T], now: int = NOW) -> T:
        self._connection.execute("BEGIN")
        transaction = Transaction(self._connection, now)
        answer = verb(transaction)
        transaction.flush()
        self._connection.execute("COMMIT")
        return answer

    def steps(self, verb: Verb) -> int:
        """Run a verb and return what it cost."""
        count = 0

        def step() -> bool:
            nonlocal count
            count += GRAIN
            return False

        self._connection.set_progress_handler(step, GRAIN)
        try:
            self.run(verb)
        finally:
            self._connection.set_progress_handler(None, GRAIN)
        return count

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module", params=DRIVERS)
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, Bench]]:
    folder = tmp_path_factory.mktemp("flat")
    benches = Bench(folder / "small.db", request.param, SMALL), Bench(folder / "large.db", request.param, LARGE)
    yield benches
    for bench in benches:
        bench.close()


def page(wanted: JobFilter) -> Callable[[Bench], Verb]:
    return lambda _: partial(found, wanted)


def found(wanted: JobFilter, transaction: Transaction) -> None:
    # Within a transaction already, so without the snapshot of its own that `find` takes.
    assert finding.newest(wanted, 10, 2**62, transaction) is not None


VERBS: dict[str, Callable[[Bench], Verb]] = {
    "enqueue": lambda _: partial(enqueueing.enqueue, new_jobs(10)),
    "claim": lambda _: partial(claiming.claim, ASKING),
    "claim of one lane": lambda _: partial(claiming.claim, request(WORKER.id, queues=("default",), limit=20)),
    "claim of every lane": lambda _: partial(
        claiming.claim,
        request(WORKER.id, tasks=(TASK, *(f"foreign{n}" for n in range(FOREIGN_TASKS))), limit=20),
    ),
    "settle and claim": lambda bench: partial(settling.settle, [end(job) for job in bench.held], ASKING),
    "renew": lambda _: partial(leasing.renew, WORKER.id),
    "promote": lambda _: partial(tending.promote, 10),
    "prune": lambda _: partial(pruning.prune, 10),
    "get": lambda bench: partial(reading.get, [job.id for job in bench.held]),
    "counts": lambda _: reading.counts,
    "held": lambda _: partial(claiming.held, WORKER.id, None),
    "expired": lambda _: partial(claiming.expired, 10),
    "workers": lambda _: leasing.workers,
    "list all": page(JobFilter()),
    "list queued": page(JobFilter(states=(JobState.QUEUED,))),
    "list running": page(JobFilter(states=(JobState.RUNNING,))),
    "list succeeded": page(JobFilter(states=(JobState.SUCCEEDED,))),
    "list failed": page(JobFilter(states=(JobState.FAILED,))),
    "list scheduled": page(JobFilter(states=(JobState.SCHEDULED,))),
    "list a task": page(JobFilter(tasks=("foreign3",))),
    "list a queue": page(JobFilter(queues=("default",))),
    "list recent": page(JobFilter(created_after=moment(NOW - MINUTE))),
    "list old": page(JobFilter(created_before=moment(NOW - 59 * MINUTE))),
    "list older than all": page(JobFilter(created_before=moment(NOW - 120 * MINUTE))),
}


@pytest.mark.parametrize("name", VERBS)
def test_cost_does_not_rise_with_what_is_stored(benches: tuple[Bench, Bench], name: str) -> None:
    small, large = (bench.steps(VERBS[name](bench)) for bench in benches)

    assert large <= 1.2 * small + 100

"""What binds jobs to others costs by what it is about, not by how much of it is stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.stores.sqlite.test_flat import ASKING, LARGE, NOW, SMALL, Bench, Verb
from workmill.store import JobFilter
from workmill.stores.sqlite import (
    cancelling,
    claiming,
    finding,
    firing,
    flowing,
    following,
    pruning,
    publishing,
    scheduling,
    settling,
    storing,
)
from workmill.stores.sqlite.driver import DRIVERS, DriverName
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.making import end, new_job
from workmill.testing.conformance.schedules import job_of, new_schedule, plan
from workmill.words.channel import NewMessage
from workmill.words.schedule import Schedule, Tick
from workmill.words.ticks import moment
from workmill.words.ties import Ties

HOUR = timedelta(hours=1)
FEW = 10


class TiedBench(Bench):
    """A file that holds, beside plain jobs, as many that wait for others, schedules, and messages of other channels."""

    def __init__(self, path: Path, driver: DriverName, size: int) -> None:
        super().__init__(path, driver, SMALL)
        parents = [new_job(delay=HOUR, ties=Ties(flow=f"other{number}")) for number in range(size)]
        self.run(partial(storing.enqueue, parents))
        self.run(partial(storing.enqueue, [follower(parent) for parent in parents]))
        self.run(partial(storing.enqueue, [follower(parents[0]) for _ in range(size)]))
        later = moment(NOW) + HOUR
        self.run(partial(scheduling.put, [new_schedule(later, made=plan(name=f"s{n}")) for n in range(size)]))
        due = [new_schedule(moment(NOW), made=plan(name=f"due{number}")) for number in range(FEW)]
        self.due: list[Schedule] = self.run(partial(scheduling.put, due))
        self.run(partial(publishing.publish, [message(f"other{number}") for number in range(size)], ()))
        followers = [follower(job) for job in self.held]
        self.run(partial(storing.enqueue, [replace(each, ties=Ties(flow="f")) for each in followers]))
        self.waiting = [each.id for each in followers]
        self.cursor = self.run(partial(publishing.publish, [message("a")], ()))[0].cursor
        self.run(partial(publishing.publish, [message("a") for _ in range(FEW)], ()))

    def ticks(self) -> list[Tick]:
        """Return the ticks that are due."""
        return [
            Tick(schedule=one.plan.name, version=one.version, at=moment(NOW), jobs=(job_of(one),), next_at=None)
            for one in self.due
        ]


def message(channel: str) -> NewMessage:
    return NewMessage(id=new_job().id, channel=channel, data=b"1")


@pytest.fixture(scope="module", params=DRIVERS)
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, ...]]:
    folder = tmp_path_factory.mktemp("tied")
    benches = [TiedBench(folder / f"{size}.db", request.param, size) for size in (SMALL, LARGE)]
    yield tuple(benches)
    for bench in benches:
        bench.close()


def messages(bench: TiedBench, transaction: Transaction) -> None:
    # Within a transaction already, so without the snapshot of its own that `messages` takes.
    assert len(publishing.heard(["a"], int(bench.cursor), 100, transaction)) >= FEW


def of_the_flow(transaction: Transaction) -> None:
    assert finding.newest(JobFilter(flows=("f",)), 10, 2**62, transaction)


def due(transaction: Transaction) -> None:
    # As above, for the snapshot of `due`.
    assert len(transaction.batch(statements("schedule")["due"], NOW, 100)) == FEW


VERBS: dict[str, Callable[[TiedBench], Verb]] = {
    "enqueue followers": lambda bench: partial(storing.enqueue, [follower(job) for job in bench.held[:FEW]]),
    "enqueue a flow": lambda _: partial(storing.enqueue, [new_job(ties=Ties(flow="g")) for _ in range(FEW)]),
    "parents": lambda bench: partial(following.parents, bench.waiting),
    "claim": lambda _: partial(claiming.claim, ASKING),
    "settle parents": lambda bench: partial(settling.settle, [end(job) for job in bench.held], None),
    "cancel": lambda bench: partial(cancelling.cancel, bench.waiting[:FEW], None, force=False),
    "flow": lambda _: partial(flowing.flow, "f"),
    "flows": lambda _: partial(flowing.flows, 10, None),
    "list a flow": lambda _: of_the_flow,
    "put a schedule": lambda _: partial(scheduling.put, [new_schedule(moment(NOW) + HOUR, made=plan(name="new"))]),
    "list schedules": lambda _: partial(scheduling.page, 10, "s2"),
    "due": lambda _: due,
    "fire": lambda bench: partial(firing.fire, bench.ticks()),
    "stop": lambda _: partial(firing.stop, "due1", cancel_running=True),
    "publish": lambda _: partial(publishing.publish, [message("a")], ()),
    "messages": lambda bench: partial(messages, bench),
    "prune": lambda _: partial(pruning.prune, 10),
}


@pytest.mark.parametrize("name", VERBS)
def test_cost_does_not_rise_with_what_is_bound(benches: tuple[TiedBench, TiedBench], name: str) -> None:
    small, large = (bench.steps(VERBS[name](bench)) for bench in benches)

    assert large <= 1.2 * small + 100

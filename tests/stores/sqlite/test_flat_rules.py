"""What rules cost rises neither with the jobs that they hold back nor with the keys that these are counted under."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.stores.sqlite.test_flat import ASKING, LARGE, SMALL, WORKER, Bench, Verb
from workmill.stores.sqlite import cancelling, claiming, ruling, settling, storing, tending
from workmill.stores.sqlite.driver import DRIVERS, DriverName
from workmill.testing.conformance.making import end, new_job, request
from workmill.words.job import Job, NewJob
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.policy import Policy
from workmill.words.ties import Ties
from workmill.words.unique import OnConflict, Uniqueness

RULES = [
    Rule(scope=Scope.KEY, name="tenant", running=1),
    Rule(scope=Scope.KEY, name="region", running=1),
    Rule(scope=Scope.KEY, name="host", rate=Rate(1, per=3600)),
    Rule(scope=Scope.QUEUE, name="narrow", running=0),
    Rule(scope=Scope.QUEUE, name="default", waiting=10**9),
]
FEW = 10
ONE_BY_ONE = request(WORKER.id, tasks=("gated",), limit=FEW)


class RuledBench(Bench):
    """A file that holds, beside plain jobs, as many that are held back: by keys of their own, and by one key."""

    def __init__(self, path: Path, driver: DriverName, size: int) -> None:
        super().__init__(path, driver, SMALL)
        self.run(partial(ruling.set_rules, RULES))
        for name in ("tenant", "host"):
            self.store([gated(Gate(name=name, key=str(number))) for number in range(size)])
            while self.run(partial(claiming.claim, request(WORKER.id, tasks=("gated",), limit=size))):
                pass
            self.store([gated(Gate(name=name, key=str(number))) for number in range(size)])
        both = [(Gate(name="region", key="one"), Gate(name="user", key=str(number))) for number in range(size)]
        self.store([gated(*gates) for gates in both])
        self.held_one: list[Job] = self.run(partial(claiming.claim, ONE_BY_ONE))
        self.last = gated(*both[-1])
        self.store([self.last])
        self.store([new_job(queue="narrow") for _ in range(size)])
        self.store(
            [
                new_job(policy=Policy(expires=timedelta(days=1)), unique=Uniqueness(name=str(number)))
                for number in range(FEW)
            ]
        )

    def store(self, batch: list[NewJob]) -> None:
        self.run(partial(storing.enqueue, batch))


def gated(*gates: Gate) -> NewJob:
    return new_job(task="gated", ties=Ties(gates=gates))


@pytest.fixture(scope="module", params=DRIVERS)
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, ...]]:
    folder = tmp_path_factory.mktemp("ruled")
    benches = [RuledBench(folder / f"{size}.db", request.param, size) for size in (SMALL // 10, LARGE // 10)]
    yield tuple(benches)
    for bench in benches:
        bench.close()


def unique(on_conflict: OnConflict) -> Verb:
    return partial(storing.enqueue, [new_job(unique=Uniqueness(name="1", on_conflict=on_conflict))])


VERBS: dict[str, Callable[[RuledBench], Verb]] = {
    "claim of plain jobs": lambda _: partial(claiming.claim, ASKING),
    "claim of gated jobs": lambda _: partial(claiming.claim, ONE_BY_ONE),
    "enqueue of plain jobs": lambda _: partial(storing.enqueue, [new_job() for _ in range(FEW)]),
    "enqueue of gated jobs": lambda _: partial(
        storing.enqueue, [gated(Gate(name="tenant", key=str(number))) for number in range(FEW)]
    ),
    "enqueue of another gate": lambda _: partial(storing.enqueue, [gated(Gate(name="tenant", key="new"))]),
    "enqueue at a shared gate": lambda _: partial(
        storing.enqueue, [gated(Gate(name="region", key="one"), Gate(name="user", key="1"))]
    ),
    "enqueue of a unique job": lambda _: unique(OnConflict.RETURN),
    "replace": lambda _: unique(OnConflict.REPLACE),
    "end at a shared gate": lambda bench: partial(settling.settle, [end(job) for job in bench.held_one], ONE_BY_ONE),
    "settle of nothing": lambda _: partial(settling.settle, [], ASKING),
    "promote": lambda _: partial(tending.promote, FEW),
    "set a task's rule": lambda _: partial(ruling.set_rules, [Rule(scope=Scope.TASK, name="other", running=9)]),
    "pause": lambda _: partial(ruling.pause, ["other"], None),
    "cancel": lambda bench: partial(cancelling.cancel, [bench.last.id], None, force=False),
}


@pytest.mark.parametrize("name", VERBS)
def test_cost_does_not_rise_with_what_is_held_back(benches: tuple[RuledBench, RuledBench], name: str) -> None:
    small, large = (bench.steps(VERBS[name](bench)) for bench in benches)

    assert large <= 1.3 * small + 200

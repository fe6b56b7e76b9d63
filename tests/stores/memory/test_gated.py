"""Lanes before gates: who is next of those whose gates are open, at a cost that those before shut ones do not raise."""

import random

import pytest

from workmill.stores.memory.gated import GatedLine
from workmill.stores.memory.line import Line
from workmill.stores.memory.store import MemoryStore
from workmill.stores.memory.vault import Vault
from workmill.testing.conformance.limits import everything, gated, limited, of_key
from workmill.testing.conformance.making import end, settle
from workmill.words.job import Job
from workmill.words.limit import Gate

TENANTS = [Gate(name="tenant", key=key) for key in "abc"]
HOSTS = [Gate(name="host", key=key) for key in "xy"]


class Expected:
    """The same in the plainest way: a list that is searched."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[tuple[int, int], tuple[Gate, ...]]] = {}
        self.shut: set[Gate] = set()

    def first(self) -> tuple[tuple[int, int], str] | None:
        free = [(turn, job_id) for job_id, (turn, gates) in self.jobs.items() if not self.shut.intersection(gates)]
        return min(free, default=None)


@pytest.mark.parametrize("seed", range(20))
def test_first_is_who_is_next_of_those_whose_gates_are_open(seed: int) -> None:
    chance, line, expected = random.Random(seed), GatedLine(), Expected()

    for place in range(400):
        what = chance.choice(["put", "put", "drop", "take", "take", "shut", "reopen", "reopen_all"])
        if what == "put":
            gates = tuple(chance.sample([chance.choice(TENANTS), chance.choice(HOSTS)], chance.choice((1, 2))))
            turn = (-chance.choice((0, 0, 1)), place)
            line.put(str(place), gates, turn)
            expected.jobs[str(place)] = turn, gates
        elif what == "drop" and expected.jobs:
            job_id = chance.choice(list(expected.jobs))
            line.drop(job_id)
            del expected.jobs[job_id]
        elif what == "take" and (head := expected.first()):
            line.drop(head[1])
            del expected.jobs[head[1]]
        elif what == "shut":
            expected.shut.add(chance.choice(TENANTS + HOSTS))
        elif what == "reopen" and expected.shut:
            gate = chance.choice(sorted(expected.shut, key=str))
            expected.shut.discard(gate)
            line.reopen(gate)
        elif what == "reopen_all":
            expected.shut.clear()
            line.reopen_all()

        assert line.first(expected.shut.__contains__) == expected.first()
        assert len(line) == len(expected.jobs)
        assert sorted(line.turns()) == sorted(turn for turn, _ in expected.jobs.values())
        before = {gate for _, gates in expected.jobs.values() for gate in gates}
        assert {gate for gate in TENANTS + HOSTS if line.is_before(gate)} == before


def test_leaving_where_one_does_not_stand_is_no_error() -> None:
    line = GatedLine()

    line.drop("absent")
    line.reopen(TENANTS[0])

    assert line.first(lambda _: False) is None


def test_nothing_is_left_of_those_who_left() -> None:
    line = GatedLine()
    for number in range(500):
        line.put(str(number), (Gate(name="tenant", key=str(number)), HOSTS[0]), (0, number))
    line.first(lambda gate: gate is HOSTS[0])
    for number in range(500):
        line.drop(str(number))

    kept = (line._lanes, line._groups, line._gate_of, line._gates_of, line._shut, line._lanes_before)  # noqa: SLF001 - no public name shows the memory it takes
    assert [len(one) for one in kept] == [0] * 6


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    looked_at, first = list[int](), Line.first
    monkeypatch.setattr(Line, "first", lambda line: looked_at.append(1) or first(line))
    return looked_at


async def cost(looks: list[int], store: MemoryStore, worker_id: str) -> int:
    looks.clear()
    assert await store.claim(everything(worker_id)) == []
    return len(looks)


@pytest.mark.parametrize("keys", [10, 1000])
async def test_claim_looks_at_nobody_before_shut_gates(looks: list[int], keys: int) -> None:
    store = MemoryStore(Vault())
    worker_id = await limited(store, of_key(1))
    await store.enqueue([gated(f"key {n}") for _ in range(5) for n in range(keys)])
    while await store.claim(everything(worker_id)):
        continue

    assert await cost(looks, store, worker_id) <= 4


async def test_end_makes_the_next_claim_look_at_those_behind_its_gate_only(looks: list[int]) -> None:
    store, held = MemoryStore(Vault()), list[Job]()
    worker_id = await limited(store, of_key(1))
    await store.enqueue([gated(f"key {n}") for _ in range(3) for n in range(1000)])
    while jobs := await store.claim(everything(worker_id)):
        held += jobs

    await settle(store, end(held[700]))
    looks.clear()
    claimed = await store.claim(everything(worker_id, 5))

    assert [job.ties for job in claimed] == [held[700].ties]
    assert len(looks) < 40


async def test_thousand_lanes_behind_one_shut_gate_are_one_look(looks: list[int]) -> None:
    store = MemoryStore(Vault())
    worker_id = await limited(store, of_key(1), of_key(2, "tenant2"))
    await store.enqueue([gated(f"key {n}", "database") for n in range(1000)])
    jobs = await store.claim(everything(worker_id))
    await store.claim(everything(worker_id))

    costs = []
    for _ in range(20):
        looks.clear()
        settled = await store.settle([end(job) for job in jobs], everything(worker_id))
        jobs = list(settled.claimed)
        costs.append(len(looks))

    assert len(jobs) == 2
    assert max(costs) < 100

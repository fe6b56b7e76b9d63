"""Lines and lanes: the order, leaving from anywhere, and a cost that others' backlog does not raise."""

from datetime import UTC, datetime

import pytest

from workmill.stores.memory import changes
from workmill.stores.memory.lanes import Lanes
from workmill.stores.memory.line import SLACK, Line
from workmill.stores.memory.store import MemoryStore
from workmill.stores.memory.vault import Vault
from workmill.testing.conformance.making import TASK, add, hired, new_job, new_jobs, request

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def drained(line: Line[tuple[int]]) -> list[str]:
    ids = []
    while head := line.first():
        ids.append(head[1])
        line.drop(head[1])
    return ids


def test_line_is_ordered_by_key() -> None:
    line: Line[tuple[int]] = Line()
    for number in (5, 1, 4, 2, 3):
        line.put(str(number), (number,))

    assert len(line) == 5
    assert drained(line) == ["1", "2", "3", "4", "5"]


def test_who_left_does_not_come_up() -> None:
    line: Line[tuple[int]] = Line()
    for number in range(5):
        line.put(str(number), (number,))
    for job_id in ("0", "3", "absent"):
        line.drop(job_id)

    assert drained(line) == ["1", "2", "4"]


def test_who_comes_back_stands_where_its_new_key_says() -> None:
    line: Line[tuple[int]] = Line()
    for number in (1, 2, 3):
        line.put(str(number), (number,))
    line.drop("1")
    line.put("1", (9,))

    assert drained(line) == ["2", "3", "1"]


def test_who_comes_back_with_its_old_key_stands_there_once() -> None:
    line: Line[tuple[int]] = Line()
    line.put("1", (1,))
    line.drop("1")
    line.put("1", (1,))

    assert drained(line) == ["1"]


def test_shadows_do_not_pile_up() -> None:
    line: Line[tuple[int]] = Line()
    line.put("first", (-1,))
    for number in range(10 * SLACK):
        line.put(str(number), (number,))
        line.drop(str(number))

    assert len(line._heap) <= 2 + SLACK  # noqa: SLF001 - no public name shows the memory it takes
    assert drained(line) == ["first"]


async def test_lanes_without_jobs_vanish() -> None:
    vault = Vault()
    store = MemoryStore(vault)
    await store.enqueue([new_job(task=f"t{n}", queue=f"q{n}") for n in range(5)])
    cancelled = await add(store, new_job(task="t0", queue="q9"))

    await store.cancel([cancelled.id], None)
    await store.claim(request(await hired(store), tasks=tuple(f"t{n}" for n in range(5)), limit=5))

    assert vault.ledger.lanes._streets == {}  # noqa: SLF001 - as above


def test_leaving_a_lane_that_is_not_there_is_no_error() -> None:
    lanes = Lanes()

    lanes.drop(changes.stored(new_job(), NOW))

    assert lanes.named((TASK,), None) == []


async def test_claim_touches_no_line_of_another_task(monkeypatch: pytest.MonkeyPatch) -> None:
    store, looked_at = MemoryStore(Vault()), list[int]()
    first = Line.first
    await store.enqueue([new_job(task="other") for _ in range(1000)])
    await store.enqueue(new_jobs(3))
    monkeypatch.setattr(Line, "first", lambda line: looked_at.append(len(line)) or first(line))

    claimed = await store.claim(request(await hired(store), limit=3))

    assert len(claimed) == 3
    assert max(looked_at) <= 3

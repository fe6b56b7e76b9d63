"""What binds jobs to others in the file: nothing of it is left behind, and damage to it stops nobody."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewStore, Raw
from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.harness import SteppedClock
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
)
from workmill.testing.conformance.schedules import plan, put, tick
from workmill.words.channel import NewMessage
from workmill.words.job import JobState
from workmill.words.outcome import Failed, FailureKind
from workmill.words.policy import KEEP, Policy
from workmill.words.ties import After, Needs, Ties

BRIEF = Policy(keep=SECOND)
HOUR = timedelta(hours=1)
NOW = timedelta(0)
TABLES = ("job", "tie", "parents", "waiting", "flow", "member", "made", "pending", "message")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def store(path: Path, new_store: NewStore, clock: SteppedClock) -> AsyncIterator[SqliteStore]:
    """A store whose clock the test moves."""
    store = new_store(path, clock=clock)
    await store.open()
    yield store
    await store.close()


def left(raw: Raw) -> list[str]:
    """Return the tables that hold anything."""
    return [table for table in TABLES if raw.execute(f"SELECT EXISTS (SELECT 1 FROM {table})") != [(0,)]]


async def test_nothing_is_left_behind(store: SqliteStore, raw: Raw, clock: SteppedClock) -> None:
    parent = await running(store, new_job(policy=BRIEF, ties=Ties(flow="f")))
    lost, handler = follower(parent, policy=BRIEF), follower(parent, policy=BRIEF, needs=Needs.FAILURE)
    await store.enqueue([lost, handler, follower(lost, handler, policy=BRIEF), follower(handler, policy=BRIEF)])
    schedule = await put(store, plan(), after=NOW)
    await store.fire([tick(schedule)])
    await store.stop_schedule("nightly")
    await store.delete_schedules(["nightly"])
    await store.publish([NewMessage(id="m", channel="c", data=b"1")])
    before = left(raw)

    await settle(store, end(parent, Failed(failure=ERROR)))
    await store.cancel([handler.id], None)
    clock.advance(KEEP)
    assert await store.prune(100) == 6

    assert before == [table for table in TABLES if table != "pending"]
    assert left(raw) == []


async def test_place_that_is_given_again_is_bound_to_nobody(store: SqliteStore, raw: Raw, clock: SteppedClock) -> None:
    parent = await running(store)
    gone = await add(store, follower(parent, policy=BRIEF))
    await store.cancel([gone.id], None)
    clock.advance(SECOND)
    assert await store.prune(10) == 1
    first = await running(store, new_job(task="other"))

    waiting = await add(store, follower(first))
    await settle(store, end(parent))

    assert raw.execute("SELECT count(DISTINCT seq), max(seq) FROM job") == [(3, 3)]
    assert await store.parents([gone.id, first.id, waiting.id]) == [(), (), (first.id,)]
    assert (await stored(store, waiting.id)).state is JobState.WAITING


async def test_place_of_a_member_that_is_given_again_belongs_to_no_flow(
    store: SqliteStore, clock: SteppedClock
) -> None:
    first = await add(store, new_job(ties=Ties(flow="f")))
    last = await add(store, new_job(policy=BRIEF, ties=Ties(flow="f", schedule="s")))
    await store.cancel([last.id], None)
    clock.advance(SECOND)
    await store.prune(10)

    await add(store, new_job())

    flow = await store.flow("f")
    assert flow is not None
    assert (flow.created_at, flow.counts) == (first.created_at, {JobState.QUEUED: 1})


async def test_damaged_ties_do_not_keep_an_attempt_from_ending(store: SqliteStore, raw: Raw) -> None:
    parent = await running(store, new_job(ties=Ties(flow="f")))
    waiting = await add(store, follower(parent))
    raw.execute("UPDATE job SET ties = '[' WHERE id = ?", (parent.id,))

    await settle(store, end(parent))

    assert (await stored(store, waiting.id)).state is JobState.QUEUED


async def test_job_with_damaged_ties_fails_visibly_and_can_be_pruned(
    store: SqliteStore, raw: Raw, clock: SteppedClock
) -> None:
    damaged = await add(store, new_job(ties=Ties(flow="f", schedule="s")))
    raw.execute("UPDATE job SET ties = '[' WHERE id = ?", (damaged.id,))
    healthy = await add(store, new_job())

    claimed = await store.claim(request(await hired(store)))

    after = await stored(store, damaged.id)
    assert [job.id for job in claimed] == [healthy.id]
    assert (after.state, after.failure and after.failure.kind) == (JobState.FAILED, FailureKind.UNREADABLE)
    clock.advance(KEEP)
    assert await store.prune(10) == 1


async def test_flow_that_damage_has_left_behind_is_in_nobodys_way(
    store: SqliteStore, raw: Raw, clock: SteppedClock
) -> None:
    damaged = await add(store, new_job(policy=BRIEF, ties=Ties(flow="f")))
    await store.cancel([damaged.id], None)
    raw.execute("UPDATE job SET ties = '[' WHERE id = ?", (damaged.id,))
    clock.advance(SECOND)
    assert await store.prune(10) == 1

    await add(store, new_job(ties=Ties(flow="g")))

    flow = await store.flow("g")
    assert flow is not None
    assert (flow.created_at, flow.counts) == (await store.now(), {JobState.QUEUED: 1})


async def test_follower_with_a_damaged_policy_ends_with_its_parent(store: SqliteStore, raw: Raw) -> None:
    parent = await running(store)
    waiting = await add(store, follower(parent))
    raw.execute("UPDATE job SET policy = '{' WHERE id = ?", (waiting.id,))

    await settle(store, end(parent, Failed(failure=ERROR)))

    state, kept = raw.execute("SELECT state, expires_at - finished_at FROM job WHERE id = ?", (waiting.id,))[0]
    assert (state, timedelta(microseconds=kept)) == ("failed", KEEP)


async def test_damaged_schedules_hide_none(store: SqliteStore, raw: Raw, clock: SteppedClock) -> None:
    for name in ("a", "b", "c", "d"):
        await put(store, plan(name=name))
    raw.execute("UPDATE schedule SET plan = '{}' WHERE name IN ('a', 'b')")
    clock.advance(HOUR)

    due = await store.due(1)

    assert [one.plan.name for one in due.schedules] == ["c"]
    assert due.next_in == NOW
    assert await store.get_schedules(["a"]) == [None]
    page, cursor = await store.schedules(limit=3, cursor=None)
    assert ([one.plan.name for one in page], cursor) == (["c"], "c")


async def test_parent_named_ten_thousand_times_over_is_one(store: SqliteStore) -> None:
    parent = await ended(store, DONE)

    job = await add(store, new_job(after=After(jobs=(parent.id,) * 10_000)))

    assert job.state is JobState.QUEUED
    assert await store.parents([job.id]) == [(parent.id,)]

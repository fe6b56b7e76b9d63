import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.running.fakes import FailingStore, Kept, claimed, new_jobs, new_worker
from workmill.running import promoter as promoting
from workmill.running import rescuer as rescuing
from workmill.running.duty import Duty
from workmill.running.leader import duties_of, lead
from workmill.running.promoter import promoter
from workmill.running.pruner import pruner
from workmill.running.rescuer import rescuer
from workmill.running.switch import Switch
from workmill.running.taking import take_back
from workmill.words.errors import StoreUnavailable
from workmill.words.events import DutyFailed, JobsPruned, JobsRescued, StoreFailing
from workmill.words.job import Ending, JobState
from workmill.words.outcome import Cancelled, Returned


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


async def test_a_worker_with_the_host_name_and_pid_of_a_dead_one_is_another(store: FailingStore) -> None:
    (job,) = await claimed(store, 1, worker_id="before", lease=15)
    store.clock.advance(16)
    again = replace(new_worker("after"), name="before")
    await store.register(again)
    events = Kept()

    async with doing(rescuer(store, emit=events.append)):
        await until(lambda: bool(events.of(JobsRescued)))

    assert await store.held("after") == []
    before, after = sorted(await store.workers(), key=lambda each: each.is_live)
    assert (before.name, before.host, before.pid) == (after.name, after.host, after.pid)
    assert (before.id, before.is_live, after.id, after.is_live) == ("before", False, "after", True)
    (attempt,) = await store.attempts(job.id)
    assert attempt.ending is Ending.INTERRUPTED


@asynccontextmanager
async def doing(*duties: Duty) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(duty.run()) for duty in duties]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - it is the loop itself that must turn
            await asyncio.sleep(0)


async def state_of(store: FailingStore, job_id: str) -> JobState:
    (job,) = await store.get([job_id])
    assert job is not None
    return job.state


async def test_a_duty_goes_on_after_any_error_and_says_which() -> None:
    rounds, events, pauses = [], Kept(), []

    async def do_round() -> float:
        rounds.append(1)
        if len(rounds) <= 2:
            raise StoreUnavailable("away") if len(rounds) == 1 else ValueError("odd")
        return 60.0

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with doing(Duty("sweep", do_round, emit=events.append, sleep=sleep)):
        await until(lambda: len(rounds) == 3)

    assert [event.verb for event in events.of(StoreFailing)] == ["sweep"]
    assert [event.error for event in events.of(DutyFailed)] == ["ValueError('odd')"]
    assert pauses[0] < pauses[1] < 1


async def test_pauses_after_errors_grow_to_a_bound() -> None:
    pauses: list[float] = []

    async def do_round() -> float:
        raise StoreUnavailable("away")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 30:
            await asyncio.Event().wait()

    async with doing(Duty("sweep", do_round, emit=Kept().append, sleep=sleep)):
        await until(lambda: len(pauses) == 30)

    assert 3 <= max(pauses) <= 5


async def test_a_due_job_is_promoted_at_its_time_without_polling(store: FailingStore) -> None:
    (job,) = new_jobs(1, delay=timedelta(seconds=30))
    await store.enqueue([job])
    await store.promote(1)
    store.clock.advance(29.99)

    async with doing(promoter(store, emit=Kept().append)):
        await until(lambda: "promote" in store.calls)
        store.clock.advance(0.01)
        async with asyncio.timeout(5):
            while await state_of(store, job.id) is not JobState.QUEUED:  # noqa: ASYNC110 - nobody tells of a promotion
                await asyncio.sleep(0.001)


async def test_the_promoter_sleeps_until_a_job_is_scheduled(
    store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promoting, "POLL_SECONDS", 3600.0)
    async with doing(promoter(store, emit=Kept().append)):
        await until(lambda: store.calls.count("promote") == 1)

        await store.enqueue(new_jobs(1, delay=timedelta(seconds=30)))

        await until(lambda: store.calls.count("promote") == 2)


async def test_jobs_of_a_dead_worker_are_rescued_as_a_death(store: FailingStore) -> None:
    jobs = await claimed(store, 3)
    store.clock.advance(15)
    events = Kept()

    async with doing(rescuer(store, emit=events.append)):
        await until(lambda: bool(events.of(JobsRescued)))

    assert set(events.of(JobsRescued)[0].job_ids) == {job.id for job in jobs}
    for job in await store.get([job.id for job in jobs]):
        assert job is not None
        assert (job.state, job.attempt, job.deaths) == (JobState.QUEUED, 1, 1)
    assert (await store.attempts(jobs[0].id))[0].ending is Ending.INTERRUPTED


async def test_jobs_of_a_live_worker_are_left_alone(store: FailingStore) -> None:
    (job,) = await claimed(store, 1)
    store.clock.advance(14)

    async with doing(rescuer(store, emit=Kept().append)):
        await until(lambda: "expired" in store.calls)

    assert await state_of(store, job.id) is JobState.RUNNING


async def test_jobs_that_cannot_be_settled_do_not_keep_the_others(
    store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescuing, "BATCH", 2)
    monkeypatch.setattr(rescuing, "POLL_SECONDS", 0.0)
    jobs = await claimed(store, 5)
    refused = {jobs[0].id, jobs[1].id}
    refuse(store, refused)
    store.clock.advance(15)
    events = Kept()

    async with doing(rescuer(store, emit=events.append)):
        await until(lambda: sum(len(event.job_ids) for event in events.of(JobsRescued)) == 3)

    states = {job.id: await state_of(store, job.id) for job in jobs}
    assert {job_id for job_id, state in states.items() if state is JobState.RUNNING} == refused
    assert jobs[0].id in events.of(DutyFailed)[0].error


async def test_taking_back_decides_again_when_a_cancel_came_between(store: FailingStore) -> None:
    (job,) = await claimed(store, 1)
    await store.cancel([job.id], "enough")

    taken = await take_back(store, [job], lambda _: Returned())

    assert taken.job_ids == [job.id]
    assert await state_of(store, job.id) is JobState.CANCELLED


async def test_taking_back_leaves_a_newer_claim_alone(store: FailingStore) -> None:
    (job,) = await claimed(store, 1)
    await take_back(store, [job], lambda _: Returned())
    (newer,) = await claimed(store, 1, "w2")

    taken = await take_back(store, [job], lambda _: Returned())

    assert taken.job_ids == []
    assert (await store.held("w2"))[0].token == newer.token


async def test_taking_back_lets_a_failing_store_through(store: FailingStore) -> None:
    jobs = await claimed(store, 2)
    store.failures["settle"] = [StoreUnavailable("away")]

    with pytest.raises(StoreUnavailable):
        await take_back(store, jobs, lambda _: Returned())


async def test_a_store_that_goes_away_while_bad_jobs_are_sought_is_let_through(store: FailingStore) -> None:
    jobs = await claimed(store, 2)
    store.failures["settle"] = [ValueError("bad row"), StoreUnavailable("away")]

    with pytest.raises(StoreUnavailable):
        await take_back(store, jobs, lambda _: Returned())


async def test_jobs_past_their_keep_time_are_pruned(store: FailingStore) -> None:
    jobs = await claimed(store, 2)
    await take_back(store, jobs, lambda _: Cancelled())
    store.clock.advance(timedelta(days=8))
    events = Kept()

    async with doing(pruner(store, emit=events.append)):
        await until(lambda: bool(events))

    assert events == [JobsPruned(count=2)]
    assert await store.get([jobs[0].id]) == [None]


async def test_duties_are_done_only_while_the_worker_leads(store: FailingStore) -> None:
    leads = Switch()
    leading = asyncio.create_task(lead(leads, lambda: duties_of(store, emit=Kept().append)))
    await asyncio.sleep(0)
    assert store.calls == []

    leads.turn_on()
    await until(lambda: {"expired", "promote", "prune"} <= set(store.calls))
    leads.turn_off()
    await until(lambda: not any(task.get_name().startswith("workmill ") for task in asyncio.all_tasks()))
    leads.turn_on()
    await until(lambda: store.calls.count("prune") == 2)

    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    assert not any(task.get_name().startswith("workmill ") for task in asyncio.all_tasks())


def refuse(store: FailingStore, job_ids: set[str]) -> None:
    """Let the store choke on every batch with one of these jobs."""
    settle = store.settle

    async def settle_unless_refused(transitions: list[object]) -> object:
        if any(transition.job_id in job_ids for transition in transitions):
            raise ValueError("bad row")
        return await settle(transitions)

    store.__dict__["settle"] = settle_unless_refused

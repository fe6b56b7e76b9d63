"""What jobs get from those that they follow, fetched as they begin."""

import asyncio
from typing import Any

import pytest

from tests.running.engines import Workshop
from workmill import App, FailureKind, Flow, Job, JobState, StoreUnavailable, chain
from workmill.running import feeder as feeding
from workmill.words.events import StoreFailing


@pytest.fixture
async def shop() -> Any:
    shop = Workshop()
    await shop.register()
    return shop


@pytest.fixture
def add(shop: Workshop) -> Any:
    @shop.app.task
    async def add(a: int | None, b: int = 1) -> int:
        return (a or 0) + b

    return add


async def ran(shop: Workshop) -> None:
    """Run an engine until all jobs have ended."""
    running = asyncio.create_task((engine := shop.engine()).run())
    async with asyncio.timeout(10), shop.app.changes() as changes:
        while not all(job.state.is_final for job in await records(shop.app)):
            await changes.next(1)
        engine.drain()
        await running


async def records(app: App) -> list[Job]:
    return list((await app.ajobs()).jobs)[::-1]


async def test_jobs_that_begin_together_are_fed_by_one_look(shop: Workshop, add: Any) -> None:
    flow = Flow()
    head = flow.add(add.job(1))
    for number in range(4):
        flow.add(add.step(b=number), after=head)
    handle = await shop.app.aenqueue_flow(flow)

    await ran(shop)

    assert await handle.aresults(0) == [2, 2, 3, 4, 5]
    assert shop.store.calls.count("parents") == 1
    assert shop.store.calls.count("get") == 1


async def test_jobs_that_get_nothing_cost_no_look(shop: Workshop, add: Any) -> None:
    await shop.app.aenqueue_many([add.job(1), add.using(after=(await add.aenqueue(2))).job(3)])

    await ran(shop)

    assert "parents" not in shop.store.calls


async def test_many_results_are_read_in_parts(shop: Workshop, add: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @shop.app.task
    async def total(parts: list[int]) -> int:
        return sum(parts)

    monkeypatch.setattr(feeding, "BATCH", 2)
    flow = Flow()
    flow.add(total.step(), after=[flow.add(add.job(number)) for number in range(5)])
    handle = await shop.app.aenqueue_flow(flow)

    await ran(shop)

    assert (await handle.aresults(0))[-1] == 15
    assert shop.store.calls.count("get") == 3


async def test_while_the_store_fails_it_is_asked_again(
    shop: Workshop, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "pause_after", lambda _: 0.0)
    shop.store.before["parents"] = [StoreUnavailable("gone"), StoreUnavailable("still gone")]
    handle = await shop.app.aenqueue_flow(chain(add.job(1), add.step()))

    await ran(shop)

    assert await handle.aresults(0) == [2, 3]
    assert [event.error for event in shop.events if isinstance(event, StoreFailing)] == ["gone", "still gone"]


async def test_a_result_that_is_gone_fails_the_job_and_says_so(
    shop: Workshop, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(job_ids: list[str]) -> list[None]:
        return [None] * len(job_ids)

    handle = await shop.app.aenqueue_flow(chain(add.job(1), add.step()))
    monkeypatch.setattr(shop.store, "get", forgotten)

    await ran(shop)

    head, follower = await records(shop.app)
    assert (head.state, follower.state) == (JobState.SUCCEEDED, JobState.FAILED)
    assert follower.failure is not None
    assert (follower.failure.kind, follower.failure.type) == (FailureKind.DEPENDENCY, "ParentMissing")
    assert head.id in follower.failure.message
    assert handle.id


async def test_a_parent_that_is_gone_fails_the_job_and_says_so(
    shop: Workshop, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(job_ids: list[str]) -> list[tuple[str, ...]]:
        return [()] * len(job_ids)

    await shop.app.aenqueue_flow(chain(add.job(1), add.step()))
    monkeypatch.setattr(shop.store, "parents", forgotten)

    await ran(shop)

    follower = (await records(shop.app))[1]
    assert follower.failure is not None
    assert "the job that it follows is not stored any more" in follower.failure.message


async def test_a_job_that_is_stopped_while_it_waits_for_its_argument_goes_back(shop: Workshop, add: Any) -> None:
    shop.store.gates["parents"] = asyncio.Event()
    await shop.app.aenqueue_flow(chain(add.job(1), add.step()))
    engine = shop.engine(grace=0.0)
    running = asyncio.create_task(engine.run())
    await shop.store.until_called("parents")

    await engine.stop()
    shop.store.gates["parents"].set()
    async with asyncio.timeout(10):
        await running

    follower = (await records(shop.app))[1]
    assert (follower.state, follower.attempt) == (JobState.QUEUED, 0)


async def test_a_task_that_takes_nothing_any_more_says_so_itself(
    shop: Workshop, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.app.aenqueue_flow(chain(add.job(1), add.step(b=5)))
    monkeypatch.setattr(type(add.signature), "parameters", ())

    await ran(shop)

    follower = (await records(shop.app))[1]
    assert follower.failure is not None
    assert follower.failure.kind is FailureKind.ARGUMENTS_REJECTED

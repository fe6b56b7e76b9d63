"""Notices: who listens is told, by whichever store the change was made."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from workmill.store import Listener, Notice, NoticeKind, Report, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
)
from workmill.words.job import Job, Progress
from workmill.words.outcome import Failed, Returned, Snoozed

T = TypeVar("T")

DEADLINE_SECONDS = 20.0
MOST_KEPT = 1000
"""The bound within which a listener keeps notices, at the most."""

QUEUED = frozenset({NoticeKind.QUEUED})
SCHEDULED = frozenset({NoticeKind.SCHEDULED})
CANCEL = frozenset({NoticeKind.CANCEL})
CHANGED = frozenset({NoticeKind.CHANGED})


async def forget(ear: Listener) -> None:
    """Take what a listener has been told so far, such as that it might have missed something."""
    while await ear.next(0):
        continue


@asynccontextmanager
async def listening(store: Store, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
    """Listen for what comes from now on."""
    async with store.listen(kinds) as ear:
        await forget(ear)
        yield ear


async def earlier(another: Another, act: Callable[[Store], Awaitable[T]]) -> T:
    """Do something before anybody listens, by a store that has closed then: it tells nothing of it any more."""
    store = await another()
    try:
        return await act(store)
    finally:
        await store.close()


async def hear(ear: Listener, is_wanted: Callable[[Notice], bool]) -> None:
    """Listen until the wanted notice comes; it must."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        has_come = False
        while not has_come:
            has_come = any(is_wanted(notice) for notice in await ear.next(DEADLINE_SECONDS))


def queued_on(queue: str) -> Callable[[Notice], bool]:
    """Match a notice that a job on this queue can be claimed."""
    return lambda notice: notice.kind is NoticeKind.QUEUED and notice.queue in (queue, "")


def about(kind: NoticeKind, job: Job) -> Callable[[Notice], bool]:
    """Match a notice of a kind that names a job, or stands for any."""
    return lambda notice: notice.kind is kind and (not notice.job_ids or job.id in notice.job_ids)


def changed(job: Job) -> Callable[[Notice], bool]:
    """Match a notice that a job changed."""
    return about(NoticeKind.CHANGED, job)


def scheduled(notice: Notice) -> bool:
    """Match a notice that a job was given a time to wait for."""
    return notice.kind is NoticeKind.SCHEDULED


@pytest.mark.anyio
class TestQueuedNotice:
    """A job that can be claimed is announced on its queue."""

    async def test_enqueue(self, store: Store) -> None:
        async with listening(store, QUEUED) as ear:
            await store.enqueue([new_job(queue="a"), new_job(queue="b")])

            await hear(ear, queued_on("a"))

    async def test_every_queue_of_a_batch(self, store: Store) -> None:
        async with listening(store, QUEUED) as ear:
            await store.enqueue([new_job(queue=queue) for queue in ("a", "b", "a")])

            missing = {"a", "b"}
            async with asyncio.timeout(DEADLINE_SECONDS):
                while missing:
                    notices = await ear.next(DEADLINE_SECONDS)
                    missing -= {queue for queue in missing for notice in notices if queued_on(queue)(notice)}

    async def test_promotion(self, store: Store, another: Another, harness: Harness) -> None:
        await earlier(another, lambda early: add(early, new_job(queue="late", delay=SECOND)))
        await harness.advance(SECOND)
        async with listening(store, QUEUED) as ear:
            await store.promote(10)

            await hear(ear, queued_on("late"))

    async def test_job_that_goes_back(self, store: Store, another: Another) -> None:
        job = await earlier(another, lambda early: running(early, new_job(queue="back")))
        async with listening(store, QUEUED) as ear:
            await settle(store, end(job, Returned()))

            await hear(ear, queued_on("back"))


@pytest.mark.anyio
class TestScheduledNotice:
    """A job that got a time to wait for is announced, so that who promotes can wake for it."""

    async def test_enqueue(self, store: Store) -> None:
        async with listening(store, SCHEDULED) as ear:
            await add(store, new_job(delay=SECOND))

            await hear(ear, scheduled)

    @pytest.mark.parametrize("outcome", [Failed(failure=ERROR), Snoozed(after=SECOND)], ids=["retrying", "snoozed"])
    async def test_settle(self, store: Store, another: Another, outcome: Failed | Snoozed) -> None:
        job = await earlier(another, lambda early: running(early, new_job(policy=PATIENT)))
        async with listening(store, SCHEDULED) as ear:
            await settle(store, end(job, outcome))

            await hear(ear, scheduled)


@pytest.mark.anyio
class TestCancelNotice:
    """The worker of a running job is told that its cancel was requested."""

    async def test_running_job(self, store: Store, another: Another) -> None:
        job = await earlier(another, running)
        async with listening(store, CANCEL) as ear:
            await store.cancel([job.id], None)

            await hear(ear, about(NoticeKind.CANCEL, job))

    async def test_each_running_job_of_a_batch(self, store: Store) -> None:
        await store.enqueue(new_jobs(3))
        jobs = await store.claim(request(await hired(store), limit=3))
        async with listening(store, CANCEL) as ear:
            await store.cancel([job.id for job in jobs], None)

            await hear(ear, lambda notice: all(about(NoticeKind.CANCEL, job)(notice) for job in jobs))


@pytest.mark.anyio
class TestChangedNotice:
    """Who follows a job is told of every change of state or progress."""

    async def test_claim(self, store: Store, another: Another) -> None:
        job = await earlier(another, lambda early: add(early, new_job()))
        worker_id = await hired(store)
        async with listening(store, CHANGED) as ear:
            await store.claim(request(worker_id))

            await hear(ear, changed(job))

    async def test_claim_with_a_settle(self, store: Store, another: Another) -> None:
        job = await earlier(another, lambda early: add(early, new_job()))
        worker_id = await hired(store)
        async with listening(store, CHANGED) as ear:
            await store.settle([], request(worker_id))

            await hear(ear, changed(job))

    @pytest.mark.parametrize("outcome", [Failed(failure=ERROR), Returned()], ids=["failed", "returned"])
    async def test_settle(self, store: Store, another: Another, outcome: Failed | Returned) -> None:
        job = await earlier(another, running)
        async with listening(store, CHANGED) as ear:
            await settle(store, end(job, outcome))

            await hear(ear, changed(job))

    async def test_progress(self, store: Store, another: Another) -> None:
        job = await earlier(another, running)
        async with listening(store, CHANGED) as ear:
            await store.report([Report(job_id=job.id, token=job.token, progress=Progress(current=1))])

            await hear(ear, changed(job))

    async def test_cancel_of_a_queued_job(self, store: Store, another: Another) -> None:
        job = await earlier(another, lambda early: add(early, new_job()))
        async with listening(store, CHANGED) as ear:
            await store.cancel([job.id], None)

            await hear(ear, changed(job))

    async def test_promotion(self, store: Store, another: Another, harness: Harness) -> None:
        job = await earlier(another, lambda early: add(early, new_job(delay=SECOND)))
        await harness.advance(SECOND)
        async with listening(store, CHANGED) as ear:
            await store.promote(10)

            await hear(ear, changed(job))


@pytest.mark.anyio
class TestListener:
    """An ear hears what it asked for, from every store on the database, and forgets nothing between two calls."""

    async def test_who_waits_is_woken(self, store: Store, another: Another) -> None:
        other = await another()
        async with listening(store, QUEUED) as ear:
            waiting = asyncio.create_task(hear(ear, queued_on("default")))
            await asyncio.sleep(0)

            await add(other, new_job())

            await waiting

    async def test_other_stores_are_heard(self, store: Store, another: Another) -> None:
        job = await earlier(another, running)
        other = await another()
        async with listening(store, CANCEL) as cancels, listening(store, CHANGED) as changes:
            await other.cancel([job.id], None)

            await hear(cancels, about(NoticeKind.CANCEL, job))
            await hear(changes, changed(job))

    async def test_everybody_hears(self, store: Store, another: Another) -> None:
        other = await another()
        async with (
            listening(store, QUEUED) as first,
            listening(store, QUEUED) as second,
            listening(other, QUEUED) as third,
        ):
            await add(store, new_job())

            for ear in (first, second, third):
                await hear(ear, queued_on("default"))

    async def test_nothing_is_lost_between_two_calls(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.enqueue(new_jobs(20)))
        async with listening(store, CHANGED) as ear:
            jobs = [job for _ in range(20) for job in await store.claim(request(await hired(store)))]

            missing = {job.id: job for job in jobs}
            async with asyncio.timeout(DEADLINE_SECONDS):
                while missing:
                    notices = await ear.next(DEADLINE_SECONDS)
                    missing = {
                        id: job for id, job in missing.items() if not any(changed(job)(notice) for notice in notices)
                    }

    async def test_only_the_kinds_asked_for_come(self, store: Store) -> None:
        kinds = frozenset({NoticeKind.SCHEDULED, NoticeKind.CANCEL})
        async with listening(store, kinds) as ear:
            job = await running(store)
            await store.cancel([job.id], None)

            heard: list[Notice] = []
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not any(about(NoticeKind.CANCEL, job)(notice) for notice in heard):
                    heard += await ear.next(DEADLINE_SECONDS)

        assert {notice.kind for notice in heard} <= kinds

    async def test_waiting_ends_with_its_timeout(self, store: Store) -> None:
        async with listening(store, CANCEL) as ear, asyncio.timeout(DEADLINE_SECONDS):
            assert all(notice.kind is NoticeKind.CANCEL for notice in await ear.next(0.0))
            assert all(notice.kind is NoticeKind.CANCEL for notice in await ear.next(0.01))

    async def test_notices_that_nobody_fetches_are_folded(self, store: Store, another: Another) -> None:
        first, job = await earlier(another, running), await earlier(another, running)
        report = Report(job_id=job.id, token=job.token, progress=Progress(current=1))
        async with listening(store, CHANGED | QUEUED) as ear:
            async with asyncio.timeout(60):
                await settle(store, end(first))
                await asyncio.gather(*(store.report([report]) for _ in range(MOST_KEPT + 200)))
                await add(store, new_job(queue="last"))

            kept: list[Notice] = []
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not any(queued_on("last")(notice) for notice in kept):
                    kept += await ear.next(DEADLINE_SECONDS)

        assert len(kept) <= MOST_KEPT
        assert any(changed(first)(notice) for notice in kept)
        assert any(changed(job)(notice) for notice in kept)

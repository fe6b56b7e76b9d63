"""Listing: filters, order, and pages that hold still while jobs come and go."""

from datetime import timedelta

import pytest

from workmill.store import JobFilter, Store
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import DONE, SECOND, add, end, hired, new_job, new_jobs, request, settle
from workmill.words.errors import InvalidOption
from workmill.words.job import JobState
from workmill.words.policy import Policy

ALL = JobFilter()


async def found(store: Store, wanted: JobFilter) -> list[str]:
    """Return the ids of all jobs that match."""
    page = await store.find(wanted, limit=100, cursor=None)
    assert page.next_cursor is None
    return [job.id for job in page.jobs]


async def pages(store: Store, wanted: JobFilter, *, limit: int) -> list[list[str]]:
    """Follow the cursors to the end and return the ids page by page."""
    page = await store.find(wanted, limit=limit, cursor=None)
    read = [[job.id for job in page.jobs]]
    while page.next_cursor is not None:
        page = await store.find(wanted, limit=limit, cursor=page.next_cursor)
        read.append([job.id for job in page.jobs])
    return read


@pytest.mark.anyio
class TestGet:
    """Jobs by id."""

    async def test_answers_come_in_the_order_asked(self, store: Store) -> None:
        first, second = await add(store, new_job()), await add(store, new_job())

        assert await store.get([second.id, "no such job", first.id, second.id]) == [second, None, first, second]

    async def test_nothing_asked_is_answered_with_nothing(self, store: Store) -> None:
        assert await store.get([]) == []


@pytest.mark.anyio
class TestFind:
    """Every filter alone, and all of them together."""

    async def test_newest_first(self, store: Store) -> None:
        batch = new_jobs(5)
        await store.enqueue(batch)
        late = await add(store, new_job(priority=-5))

        assert await found(store, ALL) == [late.id, *(new.id for new in reversed(batch))]

    async def test_listed_jobs_are_whole(self, store: Store) -> None:
        job = await add(store, new_job(key="a", args=b'{"n":1}'))

        assert (await store.find(ALL, limit=1, cursor=None)).jobs == (job,)

    async def test_empty_store_has_one_empty_page(self, store: Store) -> None:
        assert await pages(store, ALL, limit=10) == [[]]

    async def test_by_state(self, store: Store) -> None:
        scheduled = await add(store, new_job(delay=SECOND))
        done, held, queued = [await add(store, new_job()) for _ in range(3)]
        jobs = await store.claim(request(await hired(store), limit=2))
        await settle(store, end(jobs[0]))

        assert await found(store, JobFilter(states=(JobState.SUCCEEDED,))) == [done.id]
        assert await found(store, JobFilter(states=(JobState.RUNNING,))) == [held.id]
        assert await found(store, JobFilter(states=(JobState.QUEUED, JobState.SCHEDULED))) == [queued.id, scheduled.id]
        assert await found(store, JobFilter(states=(JobState.FAILED,))) == []

    async def test_by_task(self, store: Store) -> None:
        a, b, c = [await add(store, new_job(task=task)) for task in "abc"]

        assert await found(store, JobFilter(tasks=("b",))) == [b.id]
        assert await found(store, JobFilter(tasks=("a", "c", "x"))) == [c.id, a.id]

    async def test_by_queue(self, store: Store) -> None:
        a, b, c = [await add(store, new_job(queue=queue)) for queue in "abc"]

        assert await found(store, JobFilter(queues=("b",))) == [b.id]
        assert await found(store, JobFilter(queues=("c", "a", "x"))) == [c.id, a.id]

    async def test_by_time_of_creation(self, store: Store, harness: Harness) -> None:
        jobs = []
        for _ in range(4):
            jobs.append(await add(store, new_job()))
            await harness.advance(SECOND)
        first, second, third, fourth = jobs

        after = JobFilter(created_after=second.created_at)
        before = JobFilter(created_before=third.created_at)
        between = JobFilter(created_after=first.created_at, created_before=fourth.created_at)
        assert await found(store, after) == [fourth.id, third.id]
        assert await found(store, before) == [second.id, first.id]
        assert await found(store, between) == [third.id, second.id]

    async def test_all_filters_together(self, store: Store, harness: Harness) -> None:
        await add(store, new_job(task="a", queue="x"))
        await harness.advance(SECOND)
        from_here = await store.now() - timedelta(milliseconds=500)
        wanted = await add(store, new_job(task="a", queue="x"))
        others = [
            new_job(task="b", queue="x"),
            new_job(task="a", queue="y"),
            new_job(task="a", queue="x", delay=SECOND),
        ]
        await store.enqueue(others)

        listed = await found(
            store,
            JobFilter(
                states=(JobState.QUEUED,),
                tasks=("a",),
                queues=("x",),
                created_after=from_here,
                created_before=from_here + SECOND,
            ),
        )

        assert listed == [wanted.id]

    async def test_names_are_values_and_nothing_else(self, store: Store) -> None:
        await add(store, new_job())

        for name in ("' OR 1=1 --", '"', "%", "*", "\\", "\x00", ""):
            assert await found(store, JobFilter(tasks=(name,))) == []
            assert await found(store, JobFilter(queues=(name,))) == []


@pytest.mark.anyio
class TestPages:
    """A job neither repeats nor goes missing, whatever is stored or pruned between two pages."""

    @pytest.mark.parametrize("limit", [1, 3, 7, 10, 11])
    async def test_pages_are_the_whole_list_cut_up(self, store: Store, limit: int) -> None:
        batch = new_jobs(10)
        await store.enqueue(batch)

        read = await pages(store, ALL, limit=limit)

        assert [job_id for page in read for job_id in page] == [new.id for new in reversed(batch)]
        assert [len(page) for page in read[:-1]] == [limit] * (len(read) - 1)
        assert read[-1]

    async def test_filtered_pages(self, store: Store) -> None:
        batch = [new_job(task="ab"[n % 2]) for n in range(12)]
        await store.enqueue(batch)

        read = await pages(store, JobFilter(tasks=("a",)), limit=4)

        assert read == [[batch[n].id for n in (10, 8, 6, 4)], [batch[n].id for n in (2, 0)]]

    async def test_jobs_stored_between_two_pages_change_nothing(self, store: Store) -> None:
        batch = new_jobs(6)
        await store.enqueue(batch)
        first = await store.find(ALL, limit=3, cursor=None)

        await store.enqueue(new_jobs(5))

        second = await store.find(ALL, limit=3, cursor=first.next_cursor)
        assert [job.id for job in (*first.jobs, *second.jobs)] == [new.id for new in reversed(batch)]
        assert second.next_cursor is None

    async def test_jobs_pruned_between_two_pages_do_not_lose_others(self, store: Store, harness: Harness) -> None:
        batch = [new_job(policy=Policy(keep=SECOND)) for _ in range(6)]
        await store.enqueue(batch)
        first = await store.find(ALL, limit=3, cursor=None)
        jobs = await store.claim(request(await hired(store), limit=6))
        await settle(store, *(end(job, DONE) for job in jobs if job.id in {batch[n].id for n in (1, 3, 4)}))
        await harness.advance(SECOND)
        assert await store.prune(10) == 3

        second = await store.find(ALL, limit=3, cursor=first.next_cursor)

        assert [job.id for job in second.jobs] == [batch[2].id, batch[0].id]

    async def test_state_changes_between_two_pages_move_nothing(self, store: Store) -> None:
        batch = new_jobs(4)
        await store.enqueue(batch)
        first = await store.find(ALL, limit=2, cursor=None)
        await store.claim(request(await hired(store), limit=4))

        second = await store.find(ALL, limit=2, cursor=first.next_cursor)

        assert [job.id for job in (*first.jobs, *second.jobs)] == [new.id for new in reversed(batch)]

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", " 1", "1'", "\x00", "é", "1" * 5000], ids=repr)
    async def test_foreign_cursor_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidOption) as refused:
            await store.find(ALL, limit=1, cursor=cursor)

        assert (refused.value.option, refused.value.value) == ("cursor", cursor)

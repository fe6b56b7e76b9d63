"""Storing jobs: what begins how, and what a repeated or half-wrong batch leaves behind."""

from datetime import timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    ended,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    stored,
)
from workmill.words.errors import JobConflict
from workmill.words.job import JobState
from workmill.words.outcome import Failed


@pytest.mark.anyio
class TestEnqueue:
    """A new job is stored as it was given, once, and all of a batch or none."""

    async def test_new_job_is_stored_as_given(self, store: Store) -> None:
        new = new_job(queue="images", priority=7, args=b'{"path":"a.png"}', policy=PATIENT, key="a")

        (enqueued,) = await store.enqueue([new])

        job = enqueued.job
        assert enqueued.created
        assert (job.id, job.task, job.queue, job.priority) == (new.id, new.task, "images", 7)
        assert (job.args, job.policy, job.key) == (new.args, PATIENT, "a")
        assert job == await stored(store, new.id)

    async def test_new_job_has_nothing_behind_it(self, store: Store) -> None:
        job = await add(store, new_job())

        assert job.state is JobState.QUEUED
        assert (job.attempt, job.deaths, job.token) == (0, 0, 0)
        assert (job.progress, job.result, job.failure, job.worker, job.engine) == (None,) * 5
        assert (job.run_at, job.started_at, job.finished_at, job.expires_at) == (None,) * 4
        assert (job.cancel_requested_at, job.cancel_reason, job.cancel_forced) == (None, None, False)
        assert job.retry_of is None
        assert await store.attempts(job.id) == []

    async def test_job_names_the_one_it_repeats(self, store: Store, another: Another) -> None:
        first = await ended(store, Failed(failure=ERROR))

        again = await add(store, new_job(retry_of=first.id))

        assert (again.retry_of, again.attempt) == (first.id, 0)
        assert again == await stored(await another(), again.id)
        (claimed,) = await store.claim(request(await hired(store)))
        assert (claimed.id, claimed.retry_of) == (again.id, first.id)

    async def test_created_at_is_the_stores_own_moment(self, store: Store, harness: Harness) -> None:
        await harness.advance(timedelta(days=3, seconds=2))

        job = await add(store, new_job())

        assert job.created_at == await store.now()

    async def test_another_store_on_the_database_sees_it_at_once(self, store: Store, another: Another) -> None:
        job = await add(store, new_job())

        assert await stored(await another(), job.id) == job

    async def test_batch_is_answered_in_its_order(self, store: Store) -> None:
        batch = new_jobs(20)

        enqueued = await store.enqueue(batch)

        assert [one.job.id for one in enqueued] == [new.id for new in batch]
        assert all(one.created for one in enqueued)

    async def test_empty_batch_stores_nothing(self, store: Store) -> None:
        assert await store.enqueue([]) == []
        assert await store.counts() == []

    async def test_delay_counts_from_now(self, store: Store) -> None:
        job = await add(store, new_job(delay=30 * SECOND))

        assert job.state is JobState.SCHEDULED
        assert job.run_at == await store.now() + 30 * SECOND

    async def test_no_delay_is_queued(self, store: Store) -> None:
        job = await add(store, new_job(delay=timedelta(0)))

        assert job.state is JobState.QUEUED

    async def test_run_at_to_come_is_scheduled(self, store: Store) -> None:
        later = await store.now() + timedelta(hours=1)

        job = await add(store, new_job(run_at=later))

        assert (job.state, job.run_at) == (JobState.SCHEDULED, later)

    async def test_run_at_that_is_past_is_queued_and_kept(self, store: Store) -> None:
        earlier = await store.now() - timedelta(hours=1)

        job = await add(store, new_job(run_at=earlier))

        assert (job.state, job.run_at) == (JobState.QUEUED, earlier)

    async def test_run_at_now_is_queued(self, store: Store) -> None:
        job = await add(store, new_job(run_at=await store.now()))

        assert job.state is JobState.QUEUED


@pytest.mark.anyio
class TestRepeatedId:
    """Repeating an enqueue whose answer was lost stores the job once."""

    async def test_repeated_id_returns_the_stored_job(self, store: Store) -> None:
        new = new_job()
        first = await add(store, new)

        (again,) = await store.enqueue([new])

        assert not again.created
        assert again.job == first

    async def test_repeated_id_leaves_a_job_that_moved_on_as_it_is(self, store: Store) -> None:
        new = new_job()
        await running(store, new)

        (again,) = await store.enqueue([new])

        assert not again.created
        assert again.job.state is JobState.RUNNING
        assert again.job == await stored(store, new.id)

    async def test_repeated_id_within_a_batch_is_stored_once(self, store: Store) -> None:
        new = new_job()

        first, second = await store.enqueue([new, new])

        assert (first.created, second.created) == (True, False)
        assert first.job == second.job
        assert sum(count.jobs for count in await store.counts()) == 1

    async def test_repeated_batch_stores_only_what_is_missing(self, store: Store) -> None:
        batch = new_jobs(3)
        await store.enqueue(batch[:2])

        enqueued = await store.enqueue(batch)

        assert [one.created for one in enqueued] == [False, False, True]
        assert sum(count.jobs for count in await store.counts()) == 3

    async def test_repeated_id_with_its_own_key_is_no_conflict(self, store: Store) -> None:
        new = new_job(key="a", args=b'{"n":1}')
        await add(store, new)

        (again,) = await store.enqueue([new])

        assert not again.created


@pytest.mark.anyio
class TestIdempotencyKey:
    """One key of one task names one job for as long as that job is kept."""

    async def test_same_arguments_return_the_stored_job(self, store: Store) -> None:
        first = await add(store, new_job(key="a", args=b'{"n":1}'))

        (again,) = await store.enqueue([new_job(key="a", args=b'{"n":1}')])

        assert not again.created
        assert again.job == first

    async def test_other_options_do_not_matter(self, store: Store) -> None:
        first = await add(store, new_job(key="a"))

        (again,) = await store.enqueue([new_job(key="a", queue="other", priority=9, policy=PATIENT, delay=SECOND)])

        assert not again.created
        assert again.job == first

    async def test_other_arguments_are_refused_naming_the_stored_job(self, store: Store) -> None:
        first = await add(store, new_job(key="a", args=b'{"n":1}'))

        with pytest.raises(JobConflict) as refused:
            await store.enqueue([new_job(key="a", args=b'{"n":2}')])

        assert refused.value.job_id == first.id
        assert await stored(store, first.id) == first

    async def test_one_conflict_keeps_the_whole_batch_out(self, store: Store) -> None:
        await add(store, new_job(key="a", args=b'{"n":1}'))
        before, after, repeated = new_job(key="b"), new_job(), new_job()
        earlier = await add(store, repeated)

        with pytest.raises(JobConflict):
            await store.enqueue([repeated, before, new_job(key="a", args=b'{"n":2}'), after])

        assert await store.get([before.id, after.id, repeated.id]) == [None, None, earlier]
        (free,) = await store.enqueue([new_job(key="b", args=b'{"other":1}')])
        assert free.created

    async def test_key_holds_within_the_batch(self, store: Store) -> None:
        first, second = await store.enqueue([new_job(key="a"), new_job(key="a")])

        assert (first.created, second.created) == (True, False)
        assert first.job == second.job

    async def test_other_arguments_within_the_batch_store_nothing(self, store: Store) -> None:
        first = new_job(key="a", args=b'{"n":1}')

        with pytest.raises(JobConflict) as refused:
            await store.enqueue([first, new_job(key="a", args=b'{"n":2}')])

        assert refused.value.job_id == first.id
        assert await store.counts() == []

    async def test_each_task_has_its_own_keys(self, store: Store) -> None:
        await add(store, new_job(key="a", args=b'{"n":1}'))

        (other,) = await store.enqueue([new_job(task="shrink", key="a", args=b'{"n":2}')])

        assert other.created

    async def test_jobs_without_key_never_match(self, store: Store) -> None:
        first, second = await store.enqueue([new_job(), new_job()])

        assert first.created
        assert second.created
        assert first.job.id != second.job.id

    async def test_key_holds_when_its_job_has_ended(self, store: Store) -> None:
        first = await ended(store, new=new_job(key="a"))

        (again,) = await store.enqueue([new_job(key="a")])

        assert not again.created
        assert again.job == first

    async def test_key_is_free_again_when_its_job_is_pruned(self, store: Store, harness: Harness) -> None:
        first = await ended(store, new=new_job(key="a", args=b'{"n":1}'))
        await harness.advance(first.policy.keep)
        await store.prune(10)

        (fresh,) = await store.enqueue([new_job(key="a", args=b'{"n":2}')])

        assert fresh.created

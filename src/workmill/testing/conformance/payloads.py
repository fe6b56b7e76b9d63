"""What is stored comes back byte for byte, however odd or large."""

from datetime import timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.making import (
    SECOND,
    TASK,
    add,
    end,
    ended,
    hired,
    new_job,
    new_jobs,
    new_worker,
    request,
    running,
    settle,
    stored,
)
from workmill.words.job import JobState
from workmill.words.names import KEY_LENGTH
from workmill.words.outcome import Cancelled, Succeeded
from workmill.words.policy import Policy
from workmill.words.retry import Backoff

MEGABYTE = 1_000_000
NAME = "A-Z.a_z:09" + "x" * 118
ODD = "é ½ 😀 \u2028 \ufeff ' \" \\ % _ ; -- /* \t\r\n \x7f"
JSON = [
    pytest.param(b'{ "b" : 1.0,\n "a":1e2 }', id="spacing and order"),
    pytest.param('{"é":"😀\u2028\ufeff"}'.encode(), id="raw unicode"),
    pytest.param(b'{"a":"\\u0000\\u001f","\\u0000":"\\ud83d\\ude00"}', id="escapes, NUL among them"),
    pytest.param(b'{"a":"\\ud800"}', id="lone surrogate escape"),
    pytest.param(b'{"a":12345678901234567890123,"b":0.1,"c":1e400,"d":-0.0}', id="numbers"),
    pytest.param(b'{"a":1,"a":2}', id="repeated name"),
    pytest.param(b'{"a":"\'; DROP TABLE job; --","b":"%s {} $1 ?1 :a"}', id="what looks like code"),
    pytest.param(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", id="deep"),
    pytest.param(b'{"a":"' + b"x" * 3 * MEGABYTE + b'"}', id="large"),
]


@pytest.mark.anyio
class TestPayloads:
    """Nothing that a job carries is read, shortened or repaired by a store."""

    @pytest.mark.parametrize("text", JSON)
    async def test_arguments_come_back_byte_for_byte(self, store: Store, text: bytes) -> None:
        job = await running(store, new_job(args=text))

        assert job.args == text
        assert (await stored(store, job.id)).args == text

    @pytest.mark.parametrize("text", JSON)
    async def test_result_comes_back_byte_for_byte(self, store: Store, text: bytes) -> None:
        assert (await ended(store, Succeeded(result=text))).result == text

    async def test_arguments_are_compared_byte_for_byte(self, store: Store) -> None:
        args = '{"é":"\\u0000😀"}'.encode()
        first = await add(store, new_job(key="a", args=args))

        (again,) = await store.enqueue([new_job(key="a", args=args)])

        assert (again.created, again.job) == (False, first)

    @pytest.mark.parametrize("key", [ODD, "k" * KEY_LENGTH, "é" * KEY_LENGTH, " ", "'"], ids=ascii)
    async def test_key_comes_back_as_it_was(self, store: Store, key: str) -> None:
        first = await add(store, new_job(key=key))

        (again,) = await store.enqueue([new_job(key=key)])

        assert (again.created, again.job, first.key) == (False, first, key)

    async def test_keys_that_look_alike_are_not_one(self, store: Store) -> None:
        keys = ["a", "A", "a ", "á", "a\u0301"]

        enqueued = await store.enqueue([new_job(key=key, args=f'{{"n":{n}}}'.encode()) for n, key in enumerate(keys)])

        assert all(one.created for one in enqueued)

    async def test_longest_names(self, store: Store) -> None:
        worker = new_worker(queues=(NAME,), tasks=(NAME,))
        await store.register(worker)
        job = await add(store, new_job(task=NAME, queue=NAME))

        (claimed,) = await store.claim(request(worker.id, tasks=(NAME,), queues=(NAME,)))

        assert (claimed.id, claimed.task, claimed.queue) == (job.id, NAME, NAME)

    async def test_reason_comes_back_as_it_was(self, store: Store) -> None:
        queued, job = await add(store, new_job(task="other")), await running(store)

        await store.cancel([queued.id], ODD)
        await settle(store, end(job, Cancelled(reason=ODD)))

        assert [(await stored(store, id)).cancel_reason for id in (queued.id, job.id)] == [ODD, ODD]

    async def test_policy_comes_back_whole(self, store: Store) -> None:
        backoff = Backoff(first=timedelta(microseconds=123457), factor=1.7, most=timedelta(days=40), jitter=0.33)
        timeout, keep = timedelta(seconds=0.25), timedelta(days=400, microseconds=1)
        policy = Policy(max_attempts=70, max_deaths=9, backoff=backoff, timeout=timeout, keep=keep)

        assert (await add(store, new_job(policy=policy))).policy == policy
        assert (await running(store, new_job(policy=policy, task="other"))).policy == policy

    @pytest.mark.parametrize("priority", [-(2**31), 2**31 - 1])
    async def test_priority_comes_back_as_it_was(self, store: Store, priority: int) -> None:
        assert (await add(store, new_job(priority=priority))).priority == priority

    async def test_moment_comes_back_to_the_microsecond(self, store: Store) -> None:
        run_at = await store.now() + timedelta(days=1, microseconds=123457)

        job = await add(store, new_job(run_at=run_at))

        assert job.run_at == run_at
        assert await stored(store, job.id) == job

    async def test_time_beyond_the_calendar_is_the_last_there_is(self, store: Store) -> None:
        job = await ended(store, new=new_job(policy=Policy(keep=timedelta.max)))
        late = await add(store, new_job(delay=timedelta.max))

        assert job.expires_at is not None
        assert job.expires_at.year == 9999
        assert late.state is JobState.SCHEDULED
        assert await store.prune(10) == 0


@pytest.mark.anyio
class TestLargeBatches:
    """A thousand at once are one call each way."""

    async def test_thousand_jobs_live_their_life_in_batches(self, store: Store) -> None:
        batch = new_jobs(1000)
        worker_id = await hired(store)

        enqueued = await store.enqueue(batch)
        claimed = await store.claim(request(worker_id, limit=1000))
        settled = await store.settle([end(job) for job in claimed])

        ids = [new.id for new in batch]
        assert [one.job.id for one in enqueued] == [job.id for job in claimed] == ids
        assert settled.verdicts == ("applied",) * 1000
        assert [job and job.state for job in await store.get(ids)] == [JobState.SUCCEEDED] * 1000
        assert [(count.task, count.state, count.jobs) for count in await store.counts()] == [(TASK, "succeeded", 1000)]

    async def test_thousand_cancels(self, store: Store) -> None:
        batch = [new_job(delay=SECOND) for _ in range(1000)]
        await store.enqueue(batch)

        cancelled = await store.cancel([new.id for new in batch], None)

        assert [job and job.state for job in cancelled] == [JobState.CANCELLED] * 1000

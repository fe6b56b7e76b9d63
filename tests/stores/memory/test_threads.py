"""Several event loops in several threads on one vault, as an application has them."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from threading import Barrier

from workmill.store import Listener, NoticeKind
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.conformance.making import claim_all, end, hired, new_job, new_jobs, request
from workmill.words.job import NewJob

THREADS = 6
DEADLINE_SECONDS = 30


async def work(vault: Vault, started: Barrier) -> list[str]:
    store, done = MemoryStore(vault), list[str]()
    worker_id = await hired(store, lease=timedelta(minutes=5))
    started.wait(DEADLINE_SECONDS)
    while claimed := await store.claim(request(worker_id, limit=3)):
        settled = await store.settle([end(job) for job in claimed])
        done += [job.id for job, verdict in zip(claimed, settled.verdicts, strict=True) if verdict == "applied"]
    return done


def test_threads_share_jobs_without_overlap() -> None:
    vault, batch, started = Vault(), new_jobs(1500), Barrier(THREADS)
    asyncio.run(_enqueue(vault, batch))

    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(lambda: asyncio.run(work(vault, started))) for _ in range(THREADS)]
        done = [job_id for future in futures for job_id in future.result(DEADLINE_SECONDS)]

    assert Counter(done) == Counter(new.id for new in batch)


async def test_listener_is_woken_from_another_thread() -> None:
    vault = Vault()
    async with MemoryStore(vault).listen(frozenset({NoticeKind.QUEUED})) as ear:
        waiting = asyncio.create_task(ear.next(DEADLINE_SECONDS))
        await asyncio.sleep(0)

        await asyncio.to_thread(lambda: asyncio.run(_enqueue(vault, [new_job(queue="far")])))

        (notice,) = await waiting
    assert (notice.kind, notice.queue) == (NoticeKind.QUEUED, "far")


async def test_listener_of_a_loop_that_is_gone_hinders_nobody() -> None:
    vault = Vault()
    left_open = MemoryStore(vault).listen(frozenset({NoticeKind.QUEUED}))
    await asyncio.to_thread(lambda: asyncio.run(_enter(left_open)))

    await _enqueue(vault, [new_job()])

    assert len(await claim_all(MemoryStore(vault), await hired(MemoryStore(vault)), at_a_time=5)) == 1


async def _enqueue(vault: Vault, batch: list[NewJob]) -> None:
    await MemoryStore(vault).enqueue(batch)


async def _enter(listener: AbstractAsyncContextManager[Listener]) -> None:
    await listener.__aenter__()

"""What is played on a stage: short lives of jobs that together use every verb a worker and a client use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from proof.crashing.ruled import RULED
from proof.crashing.stage import Stage
from proof.crashing.watched import WatchedStore
from workmill.store import NoticeKind

Play: TypeAlias = Callable[[Stage], Awaitable[None]]
UNHEARD_CANCELS = frozenset({NoticeKind.CANCEL})


async def enqueue_with_key(stage: Stage) -> None:
    """Two callers store a job under one key at the same time, and each repeats it."""
    jobs = [stage.job("quick", 1, key="once") for _ in range(4)]
    await asyncio.gather(stage.enqueue(jobs[0]), stage.enqueue(jobs[1]))
    await asyncio.gather(stage.enqueue(jobs[2]), stage.enqueue(jobs[3]))
    await worked_off(stage)


async def enqueue_many(stage: Stage) -> None:
    """Store five jobs at once, and read one of them."""
    ids = await stage.enqueue(*(stage.job("quick", number) for number in range(5)))
    for job_id in ids[:1]:
        await stage.client.read(job_id)
    await worked_off(stage)


async def run_once(stage: Stage) -> None:
    """Store a job while a worker waits, and read it until it has ended."""
    async with stage.working():
        ids = await stage.enqueue(stage.job("quick", 1))
        await stage.until_final()
        for job_id in [*ids, *ids]:
            await stage.client.read(job_id)


async def retry(stage: Stage) -> None:
    """Run a job again after its delay when its first attempt failed, and one that fails each time."""
    await stage.enqueue(stage.job("failing_once"))
    await stage.enqueue(stage.job("failing"))
    await worked_off(stage)


async def snooze(stage: Stage) -> None:
    """Run a job again that asked for it."""
    await stage.enqueue(stage.job("snoozing"))
    await worked_off(stage)


async def delay(stage: Stage) -> None:
    """Run jobs when their time has come, one of them for as long as others are promoted."""
    stage.gates.shut(1)
    async with stage.working():
        await stage.enqueue(stage.job("gated", 1, delay=3), stage.job("quick", 2, delay=5))
        await stage.gates.reached.wait()
        await stage.pass_by(6)
        stage.gates.open(1)
        await stage.until_final()


async def cancel_waiting(stage: Stage) -> None:
    """Cancel a job before a worker comes."""
    for job_id in await stage.enqueue(stage.job("quick"), stage.job("quick", 1, delay=5)):
        await stage.client.cancel(job_id)
        await stage.client.read(job_id)
    await worked_off(stage)


async def cancel_running(stage: Stage) -> None:
    """Cancel a job whose code waits."""
    stage.gates.shut(1)
    async with stage.working():
        ids = await stage.enqueue(stage.job("gated"))
        await stage.gates.reached.wait()
        for job_id in ids:
            await stage.client.cancel(job_id)
        await stage.until_final()


async def cancel_unheard(stage: Stage) -> None:
    """Cancel a job that then fails before its worker hears of it."""
    stage.gates.shut(1)
    async with stage.working(deaf_to=UNHEARD_CANCELS) as worker:
        ids = await stage.enqueue(stage.job("failing"))
        await stage.gates.reached.wait()
        worker.store.gates["get"] = asyncio.Event()
        for job_id in ids:
            await stage.client.cancel(job_id)
        stage.gates.open(1)
        await stage.until_final()


async def progress(stage: Stage) -> None:
    """Tell a progress long before the end."""
    stage.gates.shut(1)
    async with stage.working():
        await stage.enqueue(stage.job("gated"))
        await stage.gates.reached.wait()
        await stage.pass_by(3)
        stage.gates.open(1)
        await stage.until_final()


async def freeze(stage: Stage) -> None:
    """Freeze a worker beyond its lease, and let its code end while the next claim's runs."""
    stage.gates.shut(1, 2)
    async with stage.working() as frozen:
        await stage.enqueue(stage.job("gated"))
        await stage.gates.reached.wait()
        stage.fault("freeze", frozen)
        await frozen.freeze()
        stage.gates.reached.clear()
        async with stage.working():
            await stage.gates.reached.wait()
            stage.gates.open(1)
            await stage.pass_by(3)
            stage.gates.open(2)
            await stage.until_final()


async def freeze_long(stage: Stage) -> None:
    """Freeze a worker beyond its lease, and let its code end when another has finished the job."""
    stage.gates.shut(1)
    async with stage.working() as frozen:
        await stage.enqueue(stage.job("gated"))
        await stage.gates.reached.wait()
        stage.fault("freeze", frozen)
        await frozen.freeze()
        async with stage.working():
            await stage.until_final()
            stage.gates.open(1)
            await stage.pass_by(3)


async def late_rescue(stage: Stage) -> None:
    """Let a rescuer settle what it saw long ago, when the job runs again already."""
    stage.gates.shut(1, 2)
    late = await stage.watched()
    late.late["expired"] = asyncio.Event()
    async with stage.working() as frozen:
        await stage.enqueue(stage.job("gated"))
        await stage.gates.reached.wait()
        stage.fault("freeze", frozen)
        await frozen.freeze()
        stage.gates.reached.clear()
        async with stage.rescuing(late):
            await stage.until(lambda: _has_come(late, "expired"))
            async with stage.working():
                await stage.gates.reached.wait()
                late.late["expired"].set()
                await stage.pass_by(3)
                stage.gates.open(2)
                await stage.until_final()
                stage.gates.open(1)


async def _has_come(store: WatchedStore, verb: str) -> bool:
    return verb in store.waiting


async def poison(stage: Stage) -> None:
    """Let a job kill each worker that runs it, until it is put aside."""
    stage.gates.shut(1, 2, 3, 4)
    await stage.enqueue(stage.job("gated"))
    for _ in range(3):
        async with stage.working() as worker:
            await stage.gates.reached.wait()
            stage.gates.reached.clear()
            stage.fault("kill", worker)
            await worker.kill()
    await worked_off(stage)


async def stop_worker(stage: Stage) -> None:
    """Stop a worker whose job has not ended, so that another runs it."""
    stage.gates.shut(1)
    async with stage.working() as worker:
        await stage.enqueue(stage.job("gated"), stage.job("quick"))
        await stage.gates.reached.wait()
        stage.fault("stop", worker)
        await worker.stop()
    await worked_off(stage)


async def prune(stage: Stage) -> None:
    """Keep one job shortly after its end, one long, and one that is not to begin before the others are gone."""
    await stage.enqueue(stage.job("quick", 1, keep=5), can_vanish=True)
    await stage.enqueue(stage.job("quick", 2, keep=3600), stage.job("quick", 3, keep=5, delay=20), can_vanish=True)
    await prune_off(stage)


async def prune_off(stage: Stage) -> None:
    """Have a worker end all that there is, and wait until all whose keep times are short are gone."""
    await worked_off(stage)
    async with stage.working():
        await stage.until_one_is_left()


async def batch(stage: Stage) -> None:
    """Run several jobs at a time that end in different ways."""
    tasks = ("quick", "failing_once", "quick", "snoozing", "gated", "failing", "quick")
    await stage.enqueue(*(stage.job(task, number) for number, task in enumerate(tasks)))
    await worked_off(stage)


async def worked_off(stage: Stage) -> None:
    """Have a worker end all that there is, and leave in order."""
    async with stage.working() as worker:
        await stage.until_final()
        await worker.stop()


SCENARIOS: dict[str, Play] = {
    play.__name__: play
    for play in (
        enqueue_with_key,
        enqueue_many,
        run_once,
        retry,
        snooze,
        delay,
        cancel_waiting,
        cancel_running,
        cancel_unheard,
        progress,
        freeze,
        freeze_long,
        late_rescue,
        poison,
        stop_worker,
        prune,
        batch,
        *RULED,
    )
}

"""A program that has its worker inside and uses what a store can do, one thing after another, and prints what it got.

Where the jobs are is said by WORKMILL_URL alone.
"""

import asyncio
import json
import sys

from workmill import App, JobFailed, Limit, Loop, Rate, Retry, Unique, UniqueConflict, chord, current_job

SECONDS = 30.0

app = App()
gate = asyncio.Event()
beside: list[str] = []


@app.task
def length(text: str) -> int:
    """Return a result that comes from the arguments."""
    return len(text)


@app.task
async def total(numbers: list[int]) -> int:
    """Return a result that comes from other results."""
    return sum(numbers)


@app.task(retry=Retry(3, first=0.01))
def flaky() -> int:
    """Fail twice."""
    if current_job.attempt < 3:
        raise ValueError("not yet")
    return current_job.attempt


@app.task(unique=Unique(by=()))
async def only() -> str:
    """Run alone, until the gate opens."""
    current_job.progress(1, 2, "halfway")
    await gate.wait()
    return "done"


@app.task(limit=[Limit(1, key="{account}"), Limit(rate=Rate(1000, per=1))])
async def sync(account: str) -> int:
    """Return how many of an account run at a time."""
    beside.append(account)
    await asyncio.sleep(0.01)
    running = len(beside)
    beside.remove(account)
    return running


@app.task
async def around() -> None:
    """Go round."""


@app.on("prices")
async def store(price: dict[str, int]) -> int:
    """Return what a message says."""
    return price["cents"]


app.schedule("rounds", around.job(), Loop(0.01), active=False)


async def results() -> object:
    """Enqueue one, many, and the same twice."""
    first = await length.using(key="a").aenqueue("abc")
    again = await length.using(key="a").aenqueue("abc")
    many = await app.aenqueue_many([length.job("x" * number) for number in range(5)])
    found = [await job.aresult(SECONDS) for job in (first, *many)]
    return [found, again.id == first.id, (await app.ajob(first.id)).state]


async def retries() -> object:
    """Enqueue what fails, for a while and for good."""
    job = await flaky.aenqueue()
    ended = await job.aresult(SECONDS)
    hopeless = await flaky.using(retry=Retry(1)).aenqueue()
    try:
        await hopeless.aresult(SECONDS)
    except JobFailed as failed:
        return [ended, [each.ending for each in await job.aattempts()], failed.failure.type]
    return None


async def flows() -> object:
    """Enqueue a graph."""
    handle = await app.aenqueue_flow(chord((length.job("x" * number) for number in range(20)), total.step()))
    return [(await handle.aresults(timeout=SECONDS))[-1], (await handle.astatus()).counts]


async def rules() -> object:
    """Start what may be there once, and what may run once for each account."""
    job = await only.aenqueue()
    try:
        await only.aenqueue()
    except UniqueConflict as conflict:
        is_known = conflict.job_id == job.id
    else:
        is_known = False
    while job.record.progress is None:
        await job.arefresh(wait=SECONDS, since=job.record.version)
    gate.set()
    synced = await app.aenqueue_many([sync.job("mine") for _ in range(5)])
    ended = await job.aresult(SECONDS)
    return [is_known, job.record.progress.message, ended, [await each.aresult(SECONDS) for each in synced]]


async def cancels() -> object:
    """Cancel what waits for its time."""
    job = await length.using(delay=3600, queue="later").aenqueue("abc")
    why = (await job.awhy()).code
    await job.acancel("not needed")
    return [why, job.state, job.record.cancel_reason]


async def schedules() -> object:
    """Let a loop go round."""
    handle = await app.schedules.aget("rounds")
    await handle.astart()
    while len(await handle.ahistory(3)) < 3:  # noqa: ASYNC110 - the rounds make no sound
        await asyncio.sleep(0.02)
    await handle.astop()
    return [job.record.task for job in await handle.ahistory(3)]


async def channels() -> object:
    """Publish a message that somebody hears, and that becomes a job."""
    async with app.subscribe("prices") as messages:
        await app.apublish("prices", {"cents": 499})
        heard = await messages.anext(SECONDS)
    [job] = (await app.ajobs(tasks=["store"])).jobs
    return [heard.data, await (await app.ajob(job.id)).aresult(SECONDS)]


async def main() -> None:
    """Do it all."""
    said = {}
    async with app.working():
        for part in (results, retries, flows, rules, cancels, schedules, channels):
            async with asyncio.timeout(SECONDS):
                said[part.__name__] = await part()
    await asyncio.to_thread(app.close)
    json.dump(said, sys.stdout, sort_keys=True)


if __name__ == "__main__":
    asyncio.run(main())

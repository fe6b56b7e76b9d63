"""Plays about rules over work: what is one too many, limits, rates, what follows what, schedules, channels."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from proof.crashing.stage import Stage
from workmill.craft.planning import plan_of
from workmill.craft.when import Every, Loop, When
from workmill.running.declaring import declare
from workmill.running.patience import until_done
from workmill.words.channel import NewMessage
from workmill.words.events import Event
from workmill.words.job import JobState, NewJob
from workmill.words.schedule import NewSchedule
from workmill.words.ties import Needs, Ties

SCHEDULE = "again"
ROUNDS = 3
TICK_SECONDS = 3
PAUSE_SECONDS = 2


async def unique(stage: Stage) -> None:
    """Several callers store a job each of which there may be one at a time."""
    await asyncio.gather(*(stage.enqueue(stage.job("single", number)) for number in range(3)))
    await ruled_off(stage)
    await stage.enqueue(stage.job("single", 3))
    await ruled_off(stage)


async def limit(stage: Stage) -> None:
    """Run jobs of which one may run at a time, of all and of each key."""
    await stage.enqueue(*(stage.job("narrow", number) for number in range(3)))
    await stage.enqueue(*(stage.job("keyed", number % 2) for number in range(4)))
    await ruled_off(stage)


async def rate(stage: Stage) -> None:
    """Run jobs of which two may begin in a length of time."""
    await stage.enqueue(*(stage.job("paced", number) for number in range(5)))
    await ruled_off(stage)


async def follow(stage: Stage) -> None:
    """Let jobs follow one that succeeds and one that fails, stored one by one before and after the end."""
    for task in ("quick", "failing"):
        parents = await stage.enqueue(stage.job(task))
        for needs in Needs:
            await stage.enqueue(behind(stage, parents, needs))
        await ruled_off(stage)
        await stage.enqueue(behind(stage, parents, Needs.END))
    await ruled_off(stage)


async def follow_cancelled(stage: Stage) -> None:
    """Cancel a job that others follow, before it begins."""
    parents = await stage.enqueue(stage.job("quick", delay=30))
    for needs in Needs:
        await stage.enqueue(behind(stage, parents, needs))
    for parent in parents:
        await stage.client.cancel(parent)
    await ruled_off(stage)


async def graph(stage: Stage) -> None:
    """Store a graph at once: a fan out, a fan in, and a tail that fails."""
    top = stage.job("quick")
    middle = [behind(stage, [top.id], Needs.SUCCESS, number=number) for number in range(3)]
    bottom = behind(stage, [job.id for job in middle], Needs.SUCCESS, task="failing")
    tail = behind(stage, [bottom.id], Needs.SUCCESS)
    cleaner = behind(stage, [tail.id, bottom.id], Needs.FAILURE)
    await stage.enqueue(top, *middle, bottom, tail, cleaner)
    await ruled_off(stage)


async def loop(stage: Stage) -> None:
    """Go round a few times, and stop."""
    await scheduled(stage, Loop(PAUSE_SECONDS))


async def tick(stage: Stage) -> None:
    """Make a job at each of a few times, and stop."""
    await scheduled(stage, Every(TICK_SECONDS))


async def publish(stage: Stage) -> None:
    """Publish a message together with the job of a durable subscriber, and hear it."""
    behind_all = (await stage.clean.messages(["news"], cursor=None, limit=1)).cursor
    message = NewMessage(id="the news", channel="news", data=b"1")
    if await stage.client.publish(message, [stage.job("quick", 1)]):
        heard = await stage.clean.messages(["news"], cursor=behind_all, limit=10)
        assert [one.id for one in heard.messages] == [message.id]
    await ruled_off(stage)


def behind(stage: Stage, parents: Sequence[str], needs: Needs, *, task: str = "quick", number: int = 1) -> NewJob:
    """Make a job that follows others."""
    new = stage.app.task_named(task).using(after=list(parents), needs=needs).job(number)
    return replace(new, ties=replace(new.ties or Ties(), needs=needs))


async def scheduled(stage: Stage, when: When) -> None:
    """Store a schedule, let it make a few jobs, and stop it."""
    store = await stage.watched()
    overlap = "skip" if when.pause is not None else "allow"
    plan = plan_of(SCHEDULE, stage.job("quick", 1), when, overlap=overlap, missed="all")
    new = NewSchedule(plan=plan, next_at=when.first(await stage.clean.now()))
    await until_done("put", lambda: store.put_schedules([new]), emit=_ignore)
    async with stage.working() as worker:
        await stage.until(lambda: _has_gone_round(stage, ROUNDS))
        await until_done("stop", lambda: store.stop_schedule(SCHEDULE), emit=_ignore)
        await stage.until_final()
        await worker.stop()


async def ruled_off(stage: Stage) -> None:
    """Have a worker tell the store what the code says, end all that there is, and leave in order."""
    store = await stage.watched()
    await until_done("declare", lambda: declare(stage.app.program, store), emit=_ignore)
    async with stage.working() as worker:
        await stage.until_final()
        await worker.stop()


async def gone_on(stage: Stage) -> None:
    """Have a worker go on with a schedule that was not stopped, for at least one more job, and stop it then."""
    (schedule,) = await stage.clean.get_schedules([SCHEDULE])
    if schedule is not None and schedule.is_active:
        made = await _rounds(stage)
        async with stage.working() as worker:
            await stage.until(lambda: _has_gone_round(stage, made + 1))
            await stage.clean.stop_schedule(SCHEDULE)
            await stage.until_final()
            await worker.stop()
    await ruled_off(stage)


async def _has_gone_round(stage: Stage, rounds: int) -> bool:
    return await _rounds(stage) >= rounds


async def _rounds(stage: Stage) -> int:
    return sum(count.jobs for count in await stage.clean.counts() if count.state is JobState.SUCCEEDED)


def _ignore(_event: Event) -> None:
    return


RULED = (unique, limit, rate, follow, follow_cancelled, graph, loop, tick, publish)

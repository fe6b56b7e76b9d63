"""A store in which there is something of everything, with words of an attacker wherever words may stand."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel

from tests.http.hand import Hand
from workmill import App, Cron, Retry, chord
from workmill.store import NewWorker, Report
from workmill.words.job import Progress

NASTY = '<img src=x onerror="window.xss=1"><script>window.xss=1</script>\'"`${1}{{7*7}}'
"""Would run, or draw something, or be evaluated, wherever it were taken for more than text."""


class Address(BaseModel):
    """Where a letter goes."""

    street: str
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """The ids of what is stored."""

    failed: str
    running: str
    scheduled: str
    flow: str


def application(url: str) -> App:
    """Make an application with tasks of many shapes."""
    app = App(url)

    @app.task(queue="mail", retry=Retry(1))
    def send(
        to: str, place: Address, copies: list[str] | None = None, kind: Literal["letter", "card"] = "letter"
    ) -> str:
        """Send a letter. <b>Not bold.</b>"""
        return f"{kind} to {to}, {place.street} {copies}"

    @app.task(queue="night", schedule=Cron("0 3 * * *", tz="Europe/Berlin"))
    def tidy() -> None:
        """Tidy up."""

    @app.task(limit=2)
    def add(a: int, b: int = 2) -> int:
        return a + b

    @app.task
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    return app


async def seed(app: App) -> Seeded:
    """Store a job in every state, a flow, a schedule, a pause, a limit set by hand, and two workers."""
    send, add, total = (app.task_named(name) for name in ("send", "add", "total"))
    place = {"street": NASTY, "number": 3}
    async with Hand.of(app) as hand:
        succeeded = await add.using(key=NASTY[:10]).aenqueue(1)
        await hand.succeed(await hand.take(), b"3")
        failed = await add.aenqueue(2)
        await hand.fail(await hand.take(), NASTY)
        retrying = await send.aenqueue(NASTY, place, [NASTY])
        await hand.fail(await hand.take(), NASTY)
        running = await send.aenqueue(NASTY, place)
        taken = await hand.take()
        await _told(
            app, Report(job_id=taken.id, token=taken.token, progress=Progress(current=3, total=9, message=NASTY))
        )
        cancelled = await add.aenqueue(3)
        await cancelled.acancel(NASTY)
        scheduled = await add.using(delay=3600).aenqueue(4)
        flow = await app.aenqueue_flow(chord([add.job(number) for number in range(3)], total.step()))
    await _another_worker(app)
    await app.queue("mail").apause(NASTY)
    await app.queue("mail").alimit(running=3)
    await app.schedules.acreate("every-hour", add.job(5), Cron("0 * * * *"))
    assert len({succeeded.id, failed.id, retrying.id, running.id}) == 4
    return Seeded(failed=failed.id, running=running.id, scheduled=scheduled.id, flow=flow.id)


async def _told(app: App, report: Report) -> None:
    store = app.program.open_store()
    await store.open()
    assert await store.report([report]) == [True]
    await store.close()


async def _another_worker(app: App) -> None:
    store = app.program.open_store()
    await store.open()
    lease = timedelta(hours=1)
    new = NewWorker(id="other", name=NASTY, host=NASTY, pid=7, queues=("mail",), tasks=(), concurrency=2, lease=lease)
    await store.register(new)
    await store.close()

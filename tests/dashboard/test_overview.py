"""The overview and the workers' page."""

from datetime import timedelta

from httpx2 import AsyncClient

from tests.dashboard.conftest import Browsing
from tests.http.hand import Hand
from workmill import App, Finding, Level, Order
from workmill.store import NewWorker

NASTY = "<img src=x onerror=alert(1)>"


def main_of(page: str) -> str:
    return page.split("<main")[1].split("</main>", maxsplit=1)[0]


async def registered(app: App, name: str, *, queues: tuple[str, ...] | None = None) -> None:
    store = app.program.open_store()
    await store.open()
    new = NewWorker(
        id=name, name=NASTY, host=NASTY, pid=7, queues=queues, tasks=(), concurrency=2, lease=timedelta(minutes=5)
    )
    await store.register(new)
    await store.close()


async def test_overview_tells_how_it_goes(client: AsyncClient, app: App, hand: Hand) -> None:
    for number in range(3):
        await app.task_named("add").aenqueue(number)
    await hand.succeed(await hand.take(), b"3")
    await hand.fail(await hand.take(), NASTY)

    page = main_of((await client.get("/")).text)

    assert "1 succeeded and 1 failed in the last 15 minutes" in page
    assert "ValueError" in page
    assert "&lt;img src=x" in page
    assert NASTY not in page


async def test_overview_of_nothing_says_how_to_begin(client: AsyncClient) -> None:
    page = main_of((await client.get("/")).text)

    assert "Nothing has failed." in page


async def test_jobs_that_no_worker_takes_are_pointed_out(client: AsyncClient, app: App) -> None:
    await app.task_named("plane.move").aenqueue({"x": 1})

    page = main_of((await client.get("/")).text)

    assert "1 job on queue plane, and no live worker takes it" in page


async def test_of_very_many_queues_those_with_something_on_them_are_shown(client: AsyncClient, app: App) -> None:
    for number in range(40):
        await app.queue(f"idle-{number}").apause()
    await app.task_named("plane.move").aenqueue({"x": 1})

    page = main_of((await client.get("/")).text)

    assert page.index('id="queue-plane"') < page.index('id="queue-default"')
    assert page.count('id="queue-') == 30
    assert "and 12 others" in page


async def test_what_is_amiss_with_the_store_is_told_and_looked_at_twice_a_minute_at_most(
    browsing: Browsing, app: App
) -> None:
    looked: list[int] = []

    async def diagnose() -> list[Finding]:
        looked.append(1)
        return [
            Finding(level=Level.WARN, subject="disk", detail="nearly full", remedy="make room"),
            Finding(level=Level.OK, subject="clock", detail="right"),
        ]

    app.adiagnose = diagnose  # type: ignore[method-assign]
    client = browsing()

    pages = [main_of((await client.get("/")).text) for _ in range(2)]

    assert all("disk: nearly full" in page and "make room" in page and "clock" not in page for page in pages)
    assert len(looked) == 1


async def test_workers_are_listed_with_what_they_take(client: AsyncClient, app: App) -> None:
    await registered(app, "first")
    await registered(app, "second", queues=("mail", "plane"))

    page = main_of((await client.get("/workers")).text)

    assert "2 workers, 0 of 4 places taken" in page
    assert "mail, plane" in page
    assert NASTY not in page


async def test_orders_reach_a_worker_and_a_stop_is_the_last(client: AsyncClient, app: App) -> None:
    await registered(app, "second")

    quieted = await client.post("/workers/second/quiet")
    [worker] = await app.aworkers()
    assert (quieted.status_code, quieted.headers["location"]) == (303, "/workers?said=told")
    assert worker.order is Order.QUIET
    assert ">Resume</button>" in (await client.get("/workers")).text

    await client.post("/workers/second/stop")
    refused = await client.post("/workers/second/work")
    assert refused.status_code == 422
    assert "nothing undoes" in refused.text
    assert "stopping" in main_of((await client.get("/workers?said=told")).text)


async def test_an_order_that_is_none_is_refused(client: AsyncClient, app: App) -> None:
    await registered(app, "second")

    answer = await client.post("/workers/second/dance")

    assert answer.status_code == 422
    assert "give one of work, quiet, stop" in answer.text


async def test_without_a_worker_the_command_that_starts_one_is_shown(client: AsyncClient) -> None:
    assert "workmill worker" in main_of((await client.get("/workers")).text)

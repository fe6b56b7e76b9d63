"""Channels: every hearer gets every message, and every durable subscription one job of each."""

import asyncio
import threading
from typing import Any

import pytest

from workmill import App, InvalidOption, Message, WorkmillError
from workmill.running.declaring import declare
from workmill.testing import FakeClock

LONGEST_SECONDS = 10.0


def test_every_hearer_gets_every_message_in_order(app: App) -> None:
    with app.subscribe("news") as one, app.subscribe("news", "other") as two:
        for number in range(3):
            app.publish("news", {"number": number})
        app.publish("other", None)

        heard = [next(one).data for _ in range(3)]
        both = [(message.channel, message.data) for message in (next(two) for _ in range(4))]

        assert heard == [{"number": 0}, {"number": 1}, {"number": 2}]
        assert both == [("news", {"number": 0}), ("news", {"number": 1}), ("news", {"number": 2}), ("other", None)]
        assert one.next(0) is None


def test_what_was_published_before_is_not_heard(app: App) -> None:
    app.publish("news", 1)

    with app.subscribe("news") as messages:
        app.publish("news", 2)

        assert messages.next(LONGEST_SECONDS).data == 2  # type: ignore[union-attr]


def test_a_hearer_goes_on_behind_what_it_has_heard(app: App) -> None:
    with app.subscribe("news") as messages:
        start = messages.cursor
        app.publish("news", 1)
        cursor = next(messages).cursor
    app.publish("news", 2)

    with app.subscribe("news", cursor=cursor) as messages:
        assert next(messages).data == 2
    with app.subscribe("news", cursor=start) as messages:
        assert [next(messages).data for _ in range(2)] == [1, 2]


def test_a_slow_hearer_misses_nothing(app: App) -> None:
    with app.subscribe("news", buffer=2) as messages:
        for number in range(7):
            app.publish("news", number)

        assert [next(messages).data for _ in range(7)] == list(range(7))


async def test_a_hearer_that_waits_is_woken(app: App) -> None:
    async with app.subscribe("news") as messages:
        waiting = asyncio.create_task(messages.anext(LONGEST_SECONDS))
        await asyncio.sleep(0)
        await app.apublish("news", "now")

        heard = await waiting

    assert heard is not None
    assert heard.data == "now"


async def test_messages_are_iterated(app: App) -> None:
    async with app.subscribe("news") as messages:
        for number in range(3):
            await app.apublish("news", number)

        heard = list[Message]()
        async for message in messages:
            heard.append(message)
            if len(heard) == 3:
                break
        assert await messages.anext(0.01) is None

    assert [message.data for message in heard] == [0, 1, 2]


def test_a_blocked_hearer_is_woken(app: App) -> None:
    with app.subscribe("news") as messages:
        publishing = threading.Timer(0.05, app.publish, ["news", 1])
        publishing.start()

        heard = messages.next(LONGEST_SECONDS)

        publishing.join()
    assert heard is not None


def test_messages_are_heard_inside_the_context(app: App) -> None:
    messages = app.subscribe("news")

    with pytest.raises(WorkmillError, match=r"with app\.subscribe"):
        messages.next(0)


def test_what_cannot_be_published_or_heard_is_refused(app: App) -> None:
    for call, option in (
        (lambda: app.publish("no name", 1), "channel"),
        (lambda: app.publish("news", object()), "data"),
        (lambda: app.publish("news", float("nan")), "data"),
        (lambda: app.publish("news", 1, id="x"), "id"),
        (app.subscribe, "channels"),
        (lambda: app.subscribe("no name"), "channel"),
        (lambda: app.subscribe("news", buffer=0), "buffer"),
        (lambda: app.subscribe("news", buffer=1001), "buffer"),
        (lambda: app.on("no name"), "channel"),
    ):
        with pytest.raises(InvalidOption, match=f"option {option}="):
            call()
    with pytest.raises(InvalidOption, match="option cursor"), app.subscribe("news", cursor="x"):
        pass


def test_a_message_is_published_once_for_an_id(app: App) -> None:
    message_id = "01a1ff3f-6714-731d-ac51-cc45513c9c26"
    heard = subscribed(app)

    with app.subscribe("news") as messages:
        first, again = app.publish("news", 1, id=message_id), app.publish("news", 1, id=message_id.upper())

        assert (first.id, again.id, again.cursor) == (message_id, message_id, first.cursor)
        assert next(messages).id == message_id
        assert messages.next(0) is None
    app.drain()
    assert heard == [1]


def subscribed(app: App) -> list[Any]:
    """Let a task take the messages of a channel, and return what it takes."""
    heard: list[Any] = []

    @app.on("news", queue="mail", priority=3)
    def hear(message: Any) -> None:
        heard.append(message)

    app.drain()  # It is declared.
    return heard


def test_each_message_makes_one_job_for_each_subscription(app: App) -> None:
    heard = subscribed(app)
    other: list[int] = []

    @app.on("news")
    def count(number: int) -> None:
        other.append(number)

    app.drain()
    app.publish("news", 5)
    app.publish("elsewhere", 6)

    assert {(job.task, job.queue, job.priority, job.args) for job in app.jobs().jobs} == {
        ("hear", "mail", 3, b'{"message":5}'),
        ("count", "default", 0, b'{"number":5}'),
    }
    app.drain()
    assert (heard, other) == ([5], [5])


def test_a_subscription_is_missed_by_nobody_who_is_away(app: App, clock: FakeClock) -> None:
    heard = subscribed(app)

    app.publish("news", 1)
    clock.advance(7200)
    app.drain()

    assert heard == [1]


def test_a_task_that_leaves_its_channel_gets_no_more(app: App) -> None:
    subscribed(app)
    later = App("memory://")  # The next version of the program.

    @later.on("weather", name="hear")
    def hear(message: Any) -> Any:
        return message

    app._portal.run(lambda session: declare(later.program, session.store))  # noqa: SLF001 - as a worker at its start

    app.publish("news", 1)
    app.publish("weather", 2)

    assert [job.args for job in app.jobs().jobs] == [b'{"message":2}']

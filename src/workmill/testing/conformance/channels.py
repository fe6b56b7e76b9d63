"""Channels: every message to everybody who listens, once and in one order, and subscriptions that last."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from workmill.store import Declaration, Heard, JobFilter, NoticeKind, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import SECOND, add, new_job, new_jobs
from workmill.testing.conformance.notices import QUEUED, hear, listening, queued_on
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.errors import InvalidOption, JobConflict, ParentNotFound, QueueFull, UniqueConflict
from workmill.words.job import NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.policy import Policy
from workmill.words.ties import After
from workmill.words.unique import Uniqueness

HOUR = timedelta(hours=1)
PUBLISHED = frozenset({NoticeKind.PUBLISHED})
DEADLINE_SECONDS = 60.0
EACH = 25
"""How many messages a writer publishes."""


def new_message(channel: str = "news", data: bytes = b"{}", *, id: str | None = None) -> NewMessage:
    """Make a message that is not published yet."""
    return NewMessage(id=id or str(uuid.uuid4()), channel=channel, data=data)


async def beginning(store: Store, *channels: str) -> str:
    """Return the cursor behind all that has been published so far."""
    return (await store.messages(channels or ("news",), cursor=None, limit=100)).cursor


async def read(store: Store, cursor: str, *channels: str, limit: int = 100) -> Heard:
    """Return what came behind a cursor."""
    return await store.messages(channels or ("news",), cursor=cursor, limit=limit)


async def publish(store: Store, *data: bytes, channel: str = "news") -> list[Message]:
    """Publish messages one after the other."""
    return [message for one in data for message in await store.publish([new_message(channel, one)])]


def data_of(heard: Heard) -> list[bytes]:
    """Return what was said."""
    return [message.data for message in heard.messages]


async def write(store: Store, name: str) -> None:
    """Publish on two channels in turn, giving way to others in between."""
    for count in range(EACH):
        await publish(store, f"{name}: {count:03}".encode(), channel=("news", "other")[count % 2])
        await asyncio.sleep(0)


async def follow(store: Store, cursor: str) -> list[Message]:
    """Read two channels from a cursor on until three writers have said all."""
    found = list[Message]()
    while len(found) < 3 * EACH:
        heard = await read(store, cursor, "news", "other", limit=7)
        cursor = heard.cursor
        found += heard.messages
        await asyncio.sleep(0)
    return found


@pytest.mark.anyio
class TestPublish:
    """Messages are stored once, with jobs or without, all or none."""

    async def test_message_is_answered_as_it_can_be_read(self, store: Store, harness: Harness) -> None:
        start = await beginning(store)
        await harness.advance(SECOND)
        new = new_message(data='{"é":[1,"\\u0000"]}'.encode())

        (message,) = await store.publish([new])

        assert (message.id, message.channel, message.data) == (new.id, new.channel, new.data)
        assert message.published_at == await store.now()
        assert await read(store, start) == Heard(messages=(message,), cursor=message.cursor)

    async def test_large_message_comes_back_whole(self, store: Store) -> None:
        start, data = await beginning(store), b'"' + b"x" * 200_000 + b'"'

        await publish(store, data)

        assert data_of(await read(store, start)) == [data]

    async def test_batch_is_in_its_order(self, store: Store) -> None:
        start = await beginning(store)
        batch = [new_message(data=str(number).encode()) for number in range(20)]

        answers = await store.publish(batch)

        assert [message.id for message in answers] == [new.id for new in batch]
        assert (await read(store, start)).messages == tuple(answers)

    async def test_repeated_id_is_not_repeated(self, store: Store, harness: Harness) -> None:
        start, new = await beginning(store), new_message(data=b"1")
        first = await store.publish([new])
        await harness.advance(SECOND)

        again = await store.publish([new_message(data=b"2", id=new.id), new_message(data=b"3")])

        assert again[0] == first[0]
        assert data_of(await read(store, start)) == [b"1", b"3"]

    async def test_repeated_id_within_a_batch_is_not_repeated(self, store: Store) -> None:
        start, new = await beginning(store), new_message()

        first, again = await store.publish([new, new])

        assert first == again
        assert (await read(store, start)).messages == (first,)

    async def test_nothing_to_publish_is_answered_with_nothing(self, store: Store) -> None:
        assert await store.publish([]) == []

    async def test_jobs_are_stored_with_messages(self, store: Store) -> None:
        batch = new_jobs(2)

        await store.publish([new_message()], batch)

        assert [job and job.id for job in await store.get([new.id for new in batch])] == [new.id for new in batch]

    async def test_repeating_it_whole_stores_nothing_again(self, store: Store) -> None:
        start, message, batch = await beginning(store), new_message(), new_jobs(2)
        first = await store.publish([message], batch)
        jobs = await store.get([new.id for new in batch])

        assert await store.publish([message], batch) == first

        assert await store.get([new.id for new in batch]) == jobs
        assert len((await read(store, start)).messages) == 1

    @pytest.mark.parametrize("error", [JobConflict, ParentNotFound, QueueFull, UniqueConflict])
    async def test_refused_job_keeps_the_messages_back(self, store: Store, error: type[Exception]) -> None:
        start = await beginning(store)
        first = await add(store, new_job(key="taken", unique=Uniqueness(name="one")))
        await store.set_rules([Rule(scope=Scope.QUEUE, name="full", waiting=0)])
        refused: dict[type[Exception], NewJob] = {
            JobConflict: new_job(key="taken", args=b"[1]"),
            ParentNotFound: new_job(after=After(jobs=("no such job",))),
            QueueFull: new_job(queue="full"),
            UniqueConflict: new_job(unique=Uniqueness(name="one")),
        }

        with pytest.raises(error):
            await store.publish([new_message()], [new_job(), refused[error]])

        assert (await read(store, start)).messages == ()
        assert (await store.find(JobFilter(), limit=10, cursor=None)).jobs == (first,)


@pytest.mark.anyio
class TestMessages:
    """Whoever goes on from cursor to cursor gets every message once, in the order of publishing."""

    async def test_without_a_cursor_there_is_only_where_it_is_now(self, store: Store) -> None:
        await publish(store, b"1")

        heard = await store.messages(["news"], cursor=None, limit=10)
        assert heard.messages == ()
        await publish(store, b"2")

        assert data_of(await read(store, heard.cursor)) == [b"2"]

    async def test_each_message_s_cursor_points_behind_it(self, store: Store) -> None:
        first, second, third = await publish(store, b"1", b"2", b"3")

        assert (await read(store, first.cursor)).messages == (second, third)
        assert (await read(store, third.cursor)).messages == ()

    async def test_limit_takes_the_oldest(self, store: Store) -> None:
        cursor, parts = await beginning(store), list[list[bytes]]()
        await publish(store, b"1", b"2", b"3", b"4", b"5")

        for _ in range(4):
            heard = await read(store, cursor, limit=2)
            assert not heard.messages or heard.cursor == heard.messages[-1].cursor
            parts.append(data_of(heard))
            cursor = heard.cursor

        assert parts == [[b"1", b"2"], [b"3", b"4"], [b"5"], []]

    async def test_only_the_channels_that_are_named_are_heard(self, store: Store) -> None:
        start = await beginning(store)
        for number, channel in enumerate(("a", "b", "c", "a", "b")):
            await publish(store, str(number).encode(), channel=channel)

        assert data_of(await read(store, start, "a")) == [b"0", b"3"]
        assert data_of(await read(store, start, "c", "b")) == [b"1", b"2", b"4"]
        assert data_of(await read(store, start, "none")) == []

    async def test_limit_counts_only_what_is_heard(self, store: Store) -> None:
        start = await beginning(store, "b")
        for number in range(5):
            await publish(store, str(number).encode(), channel="a")
        await publish(store, b"mine", channel="b")

        assert data_of(await read(store, start, "b", limit=1)) == [b"mine"]

    async def test_cursor_goes_on_where_nothing_was_said(self, store: Store) -> None:
        start = await beginning(store, "b")
        await publish(store, b"1", channel="a")
        heard = await read(store, start, "b")
        await publish(store, b"2", channel="b")

        assert heard.messages == ()
        assert data_of(await read(store, heard.cursor, "b")) == [b"2"]

    async def test_message_is_heard_for_an_hour(self, store: Store, harness: Harness) -> None:
        start = await beginning(store)
        await publish(store, b"1")
        await harness.advance(HOUR - SECOND)
        await publish(store, b"2")
        before = await read(store, start)
        await harness.advance(SECOND)

        after = await read(store, start)

        assert (data_of(before), data_of(after)) == ([b"1", b"2"], [b"2"])

    async def test_old_cursor_goes_on_with_what_there_is(self, store: Store, harness: Harness) -> None:
        (first,) = await publish(store, b"1")
        await harness.advance(HOUR)
        await store.prune(10)

        heard = await read(store, first.cursor)
        await publish(store, b"2")

        assert heard.messages == ()
        assert data_of(await read(store, heard.cursor)) == data_of(await read(store, first.cursor)) == [b"2"]

    async def test_message_goes_when_it_is_an_hour_old(self, store: Store, harness: Harness) -> None:
        old, young = new_message(data=b"1"), new_message(data=b"1")
        await store.publish([old])
        await harness.advance(SECOND)
        await store.publish([young])
        await harness.advance(HOUR - SECOND)
        start = await beginning(store)

        assert await store.prune(10) == 0

        await store.publish([new_message(data=b"2", id=old.id), new_message(data=b"2", id=young.id)])
        assert [message.id for message in (await read(store, start)).messages] == [old.id]

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "1.5", "'; --"])
    async def test_foreign_cursor_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidOption, match="cursor"):
            await store.messages(["news"], cursor=cursor, limit=10)

    async def test_everybody_gets_every_message_once_in_one_order(self, store: Store, another: Another) -> None:
        writers, readers = [await another() for _ in range(3)], [store, await another()]
        cursors = [await beginning(reader) for reader in readers]

        async with asyncio.timeout(DEADLINE_SECONDS):
            reading = asyncio.gather(*(follow(*pair) for pair in zip(readers, cursors, strict=True)))
            await asyncio.gather(*(write(writer, f"writer {number}") for number, writer in enumerate(writers)))
            first, second = await reading

        assert len({message.id for message in first}) == len(first) == EACH * len(writers)
        for channel in ("news", "other"):
            said, heard = ([one.id for one in found if one.channel == channel] for found in (first, second))
            assert said == heard
        for number in range(len(writers)):
            mine = [one.data for one in first if one.data.startswith(f"writer {number}".encode())]
            assert mine == sorted(mine)


@pytest.mark.anyio
class TestPublishedNotice:
    """Who listens is told on which channel there is something to read."""

    async def test_publish(self, store: Store, another: Another) -> None:
        other = await another()
        async with listening(other, PUBLISHED) as ear:
            await publish(store, b"1")

            await hear(ear, lambda notice: notice.channel in ("news", ""))
            assert (await other.messages(["news"], cursor=None, limit=1)).cursor

    async def test_every_channel_of_a_batch(self, store: Store) -> None:
        async with listening(store, PUBLISHED) as ear:
            await store.publish([new_message(channel) for channel in ("a", "b", "a")])

            missing = {"a", "b"}
            async with asyncio.timeout(DEADLINE_SECONDS):
                while missing:
                    notices = await ear.next(DEADLINE_SECONDS)
                    missing -= {name for name in missing for notice in notices if notice.channel in (name, "")}

    async def test_jobs_that_come_with_messages(self, store: Store) -> None:
        async with listening(store, QUEUED) as ear:
            await store.publish([new_message()], [new_job(queue="heard")])

            await hear(ear, queued_on("heard"))


def subscription(channel: str = "news", task: str = "post", *, queue: str = "default") -> Subscription:
    """Make a durable subscription."""
    policy = Policy(max_attempts=3)
    return Subscription(channel=channel, task=task, queue=queue, priority=-3, policy=policy, parameter="message")


@pytest.mark.anyio
class TestSubscriptions:
    """Durable subscriptions are declared, listed and forgotten."""

    async def declare(self, store: Store, *subscriptions: Subscription) -> None:
        """Declare subscriptions, as an application's code does."""
        await store.declare(Declaration(subscriptions=subscriptions))

    async def test_subscriptions_come_by_channel_and_task(self, store: Store) -> None:
        places = [("b", "x"), ("a", "y"), ("B", "z"), ("a", "x"), ("a", "Y")]
        made = {place: subscription(*place) for place in places}

        await self.declare(store, *made.values())

        assert await store.subscriptions() == [made[place] for place in sorted(places)]
        assert await store.subscriptions("a") == [made["a", "Y"], made["a", "x"], made["a", "y"]]
        assert await store.subscriptions("none") == []

    async def test_later_one_takes_the_place_of_the_one_before(self, store: Store) -> None:
        await self.declare(store, subscription(), subscription(task="other"))

        await self.declare(store, subscription(queue="q"))

        assert await store.subscriptions() == [subscription(task="other"), subscription(queue="q")]

    async def test_unsubscribed_ones_are_gone(self, store: Store) -> None:
        await self.declare(store, *(subscription(*place) for place in (("a", "x"), ("a", "y"), ("b", "x"))))

        await store.unsubscribe("a", ["x", "none"])
        await store.unsubscribe("none", ["x"])
        await store.unsubscribe("a", [])

        assert await store.subscriptions() == [subscription("a", "y"), subscription("b", "x")]

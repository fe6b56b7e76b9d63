"""Channels on Redis: what is too old goes by itself, and reading looks at little."""

from datetime import datetime, timedelta

import pytest

from tests.servers.redis import RedisServer
from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.counting import counted
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.channels import HOUR, beginning, data_of, new_message, publish, read
from workmill.testing.conformance.making import new_job
from workmill.words.channel import NewMessage
from workmill.words.errors import StoreUnavailable
from workmill.words.ticks import ticks


@pytest.fixture
async def start(store: RedisStore, database: RedisHarness) -> datetime:
    """Let the clock stand still, and return its moment."""
    now = await store.now()
    move(database, now)
    return now


def move(database: RedisHarness, moment: datetime) -> None:
    """Let the clock stand still at a moment."""
    database.execute("HSET", database.key("meta"), "clock", ticks(moment))


def new_messages(count: int) -> list[NewMessage]:
    """Make messages on two channels in turn."""
    return [new_message(("news", "other")[number % 2], str(number).encode()) for number in range(count)]


def sizes(database: RedisHarness) -> list[int]:
    """Return how many messages are kept: by number, by id, and on the channel `news`."""
    kept = [database.execute("HLEN", database.key(name)) for name in ("messages", "message:ids")]
    return [*kept, database.execute("ZCARD", database.key("channel:news"))]


async def test_old_messages_go_where_nobody_prunes(store: RedisStore, database: RedisHarness, start: datetime) -> None:
    await publish(store, *(b"old" for _ in range(10)))
    move(database, start + HOUR)

    await publish(store, *(b"new" for _ in range(4)))
    piled_up = sizes(database)
    await publish(store, b"new")

    assert (piled_up, sizes(database)) == ([6] * 3, [5] * 3)


async def test_pruned_messages_leave_nothing(store: RedisStore, database: RedisHarness, start: datetime) -> None:
    before = database.keys()
    await store.publish(new_messages(6000))
    move(database, start + HOUR)

    for _ in range(2):
        await store.prune(1)

    assert database.keys() == before


async def test_backlog_that_is_too_old_is_not_looked_at(
    store: RedisStore, database: RedisHarness, start: datetime
) -> None:
    cursor = await beginning(store)
    await store.publish(new_messages(5000))
    move(database, start + HOUR)
    await publish(store, b"young")

    with counted(store) as verbs:
        heard = await read(store, cursor, "news", "other")

    assert data_of(heard) == [b"young"]
    assert verbs == ["messages"]


async def test_more_than_one_script_looks_at_are_heard_in_order(store: RedisStore) -> None:
    cursor, batch = await beginning(store), new_messages(1000)
    published = await store.publish(batch)

    with counted(store) as verbs:
        heard = await read(store, cursor, "news", "other", "none", limit=700)
        rest = await read(store, heard.cursor, "news", "other", limit=700)

    assert [*heard.messages, *rest.messages] == published
    assert (len(heard.messages), heard.cursor) == (700, published[699].cursor)
    assert verbs == ["messages"] * 3


async def test_message_whose_clock_was_set_back_goes_with_those_before(
    store: RedisStore, database: RedisHarness, start: datetime
) -> None:
    await publish(store, b"late")
    move(database, start - timedelta(minutes=10))
    await publish(store, b"early")
    move(database, start + HOUR)

    await store.prune(1)

    assert sizes(database) == [0, 0, 0]


async def test_server_without_memory_takes_neither_messages_nor_their_jobs(server: RedisServer) -> None:
    store = RedisStore(server.url())
    await store.open()
    cursor, new = await beginning(store), new_job()
    server.ask("CONFIG", "SET", "maxmemory", "1")

    for message, jobs in ((new_message(), []), (new_message(), [new])):
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.publish([message], jobs)

    assert (await read(store, cursor)).messages == ()
    assert await store.get([new.id]) == [None]
    await store.close()

"""What several statements need to be one on SQLite."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.craft.connections.conftest import Look
from tests.craft.connections.test_transactions import begin, failing, refusing, saying, spoken, write
from tests.craft.connections.ways import SQLITE, WAYS, Caller, Place, done
from workmill.craft.connections import connection_of
from workmill.craft.connections.contract import BlockingConnection
from workmill.words.conversation import Conversation, Statement

pytestmark = [pytest.mark.slow]
ON_SQLITE = pytest.mark.parametrize(
    "way", [way for way in WAYS if way.kind != "postgresql"], ids=lambda way: way.name, indirect=True
)


def looking() -> Conversation[int]:
    """Count, and write nothing."""
    [[count]] = yield Statement("SELECT count(*) FROM kept")
    return int(count)


def undoing_everything() -> Conversation[None]:
    """Say what SQLite answers by rolling the whole transaction back."""
    yield Statement("INSERT OR ROLLBACK INTO kept (said) VALUES (NULL)")


@pytest.fixture
def other(place: Place) -> Iterator[sqlite3.Connection]:
    """Give a connection of another hand that waits for nobody."""
    connection = sqlite3.connect(place.file, isolation_level=None, timeout=0)
    yield connection
    connection.close()


@ON_SQLITE
async def test_a_caller_who_lives_with_an_error_commits_nothing_of_ours(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")

    with pytest.raises(Exception, match="nowhere"):
        await done(spoken(caller).hold(failing()))
    await done(caller.commit())

    assert look() == ["theirs"]


@ON_SQLITE
@pytest.mark.parametrize("conversation", [failing, refusing])
async def test_what_fails_outside_a_transaction_leaves_none_open(
    caller: Caller, look: Look, conversation: type[Conversation[None]]
) -> None:
    with pytest.raises(Exception, match=r"nowhere|refused"):
        await done(spoken(caller).hold(conversation()))

    found = spoken(caller)
    await done(found.begin())
    await write(caller, "afterwards")
    await done(found.commit())
    assert look() == ["afterwards"]


@ON_SQLITE
async def test_an_error_that_ended_the_transaction_comes_as_it_is(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")

    with pytest.raises(Exception, match="NOT NULL"):
        await done(spoken(caller).hold(undoing_everything()))

    assert look() == []


@pytest.mark.parametrize("way", SQLITE[:3], ids=lambda way: way.name, indirect=True)
async def test_who_only_looks_keeps_others_from_writing_as_long_as_the_transaction_lasts(
    caller: Caller, other: sqlite3.Connection
) -> None:
    await done(spoken(caller).hold(looking()))

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("INSERT INTO kept (said) VALUES ('theirs')")
    await done(caller.commit())
    other.execute("INSERT INTO kept (said) VALUES ('theirs')")


def test_a_commit_that_is_refused_leaves_nothing(place: Place, other: sqlite3.Connection) -> None:
    reading = other.execute("SELECT said FROM kept UNION ALL SELECT 'a' UNION ALL SELECT 'b'")
    next(reading)  # whoever reads keeps others from committing, where there is no write-ahead log
    connection = sqlite3.connect(place.file, isolation_level=None, timeout=0)
    spoken_with = connection_of(connection)
    assert isinstance(spoken_with, BlockingConnection)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        spoken_with.hold(saying("ours"))
    reading.close()

    assert not connection.in_transaction
    assert spoken_with.hold(looking()) == 0
    connection.close()

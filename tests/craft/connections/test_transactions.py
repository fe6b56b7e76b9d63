"""Conversations held on connections of every driver: what they leave to the caller's transaction, and what not."""

from typing import Any

import pytest

from tests.craft.connections.conftest import Look
from tests.craft.connections.ways import BEGINNING, COMMITTING, GUARDED, Caller, Way, done
from workmill.craft.connections import AwaitedConnection, BlockingConnection, connection_of
from workmill.craft.connections.holding import NOTE
from workmill.words.conversation import Conversation, Statement
from workmill.words.errors import InvalidOption

pytestmark = [pytest.mark.slow]


def saying(*words: str) -> Conversation[list[object]]:
    """Keep words, and return what was kept and how many there are."""
    kept: list[object] = []
    for word in words:
        values = (word, 2**40, b"\0\xff", None)
        rows = yield Statement(
            "INSERT INTO kept (said, number, raw, blank) VALUES (%s, %s, %s, %s) RETURNING said, number, raw, blank",
            values,
        )
        kept += rows
    counted = yield Statement("SELECT count(*) FROM kept")
    return [*kept, *counted]


def failing() -> Conversation[None]:
    """Keep one word, then say what no database understands."""
    yield from saying("kept for a moment")
    yield Statement("SELECT word FROM nowhere")


def refusing() -> Conversation[None]:
    """Look, and refuse."""
    yield Statement("SELECT count(*) FROM kept")
    raise InvalidOption("word", "x", "say another")


async def begin(caller: Caller) -> None:
    if caller.begin is not None:
        await done(caller.begin())


async def write(caller: Caller, word: str) -> None:
    await done(caller.execute(f"INSERT INTO kept (said) VALUES ('{word}')"))


def spoken(caller: Caller) -> Any:
    return connection_of(caller.connection)


async def test_the_kind_is_known_before_anything_is_sent(way: Way, caller: Caller) -> None:
    found = spoken(caller)

    assert found.kind == way.kind
    assert isinstance(found, AwaitedConnection | BlockingConnection)


async def test_rows_come_as_they_are_whatever_the_caller_makes_of_his(caller: Caller) -> None:
    said = await done(spoken(caller).hold(saying("a", "b")))

    assert said == [("a", 2**40, b"\0\xff", None), ("b", 2**40, b"\0\xff", None), (2,)]


async def test_what_was_said_is_committed_with_the_caller(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")
    await done(spoken(caller).hold(saying("ours")))
    before = look()

    await done(caller.commit())

    assert (before, look()) == ([], ["ours", "theirs"])


async def test_what_was_said_first_is_rolled_back_with_the_caller(caller: Caller, look: Look) -> None:
    await begin(caller)
    await done(spoken(caller).hold(saying("ours")))
    await write(caller, "theirs")

    await done(caller.roll_back())

    assert look() == []


async def test_outside_a_transaction_it_does_as_a_statement_of_the_callers(caller: Caller, look: Look) -> None:
    await done(spoken(caller).hold(saying("ours")))
    at_once = look()

    if caller.begin is None:
        await done(caller.commit())

    assert at_once == (["ours"] if caller.begin is not None else [])
    assert look() == ["ours"]


async def test_an_error_of_the_driver_comes_as_it_is_with_a_note(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")

    with pytest.raises(Exception, match="nowhere") as caught:
        await done(spoken(caller).hold(failing()))
    await done(caller.roll_back())
    await done(spoken(caller).hold(saying("afterwards")))
    if caller.begin is None:
        await done(caller.commit())

    assert not type(caught.value).__module__.startswith("workmill")
    assert caught.value.__notes__ == [NOTE]
    assert look() == ["afterwards"]


async def test_a_refusal_leaves_the_transaction_as_it_was(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")

    with pytest.raises(InvalidOption):
        await done(spoken(caller).hold(refusing()))
    await done(caller.commit())

    assert look() == ["theirs"]


async def test_begin_and_commit_make_a_transaction_of_its_own(caller: Caller, look: Look) -> None:
    found = spoken(caller)

    await done(found.begin())
    await write(caller, "theirs")
    await done(found.hold(saying("ours")))
    before = look()
    await done(found.commit())

    assert (before, look()) == ([], ["ours", "theirs"])


async def test_roll_back_leaves_nothing_of_it_and_a_connection_to_go_on_with(caller: Caller, look: Look) -> None:
    first, second = spoken(caller), spoken(caller)

    await done(first.begin())
    await done(first.hold(saying("ours")))
    await write(caller, "theirs")
    await done(first.roll_back())
    await done(second.begin())
    await write(caller, "later")
    await done(second.commit())

    assert look() == ["later"]


async def test_roll_back_after_an_error_of_the_database(caller: Caller, look: Look) -> None:
    found = spoken(caller)

    await done(found.begin())
    await write(caller, "theirs")
    with pytest.raises(Exception, match="nowhere"):
        await done(caller.execute("SELECT word FROM nowhere"))
    await done(found.roll_back())
    await done(found.hold(saying("afterwards")))
    if caller.begin is None:
        await done(caller.commit())

    assert look() == ["afterwards"]


@pytest.mark.parametrize("way", COMMITTING, ids=lambda way: way.name, indirect=True)
async def test_a_transaction_that_the_caller_began_is_his_to_end(caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "theirs")

    with pytest.raises(InvalidOption, match="a transaction is open on it already") as caught:
        await done(spoken(caller).begin())
    await done(caller.commit())

    assert caught.value.option == "connection"
    assert look() == ["theirs"]


@pytest.mark.parametrize("way", BEGINNING, ids=lambda way: way.name, indirect=True)
async def test_a_transaction_that_the_driver_began_is_taken_over(caller: Caller, look: Look) -> None:
    await write(caller, "theirs")

    found = spoken(caller)
    await done(found.begin())
    await done(found.hold(saying("ours")))
    await done(found.commit())

    assert look() == ["ours", "theirs"]


@pytest.mark.parametrize("way", GUARDED, ids=lambda way: way.name, indirect=True)
@pytest.mark.parametrize("end", ["commit", "roll_back"])
async def test_who_ends_the_transaction_in_between_is_told_before_anything_is_stored(
    caller: Caller, look: Look, end: str
) -> None:
    found = spoken(caller)
    await done(found.begin())

    with pytest.raises(Exception, match=r"ended inside the block|forbidden within a Transaction|'atomic' block"):
        await end_and_hold(caller, end, found)
    await done(found.roll_back())

    assert look() == []


async def end_and_hold(caller: Caller, end: str, found: Any) -> None:
    connection = caller.connection
    if hasattr(connection, "vendor"):  # Django's own verbs; what this caller says else is for a block of his
        await done(getattr(connection, end.replace("_", ""))())
    else:
        await done(getattr(caller, end)())
    await done(found.hold(saying("ours")))

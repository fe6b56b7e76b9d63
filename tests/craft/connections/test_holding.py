"""How a conversation is held, apart from any driver."""

import asyncio
from collections.abc import Sequence

import pytest

from workmill.craft.connections.holding import (
    NOTE,
    Rows,
    hold_awaited,
    hold_blocking,
    with_numbers,
    with_question_marks,
)
from workmill.words.conversation import Conversation, Statement


class Broken(Exception):
    """What a driver raises."""


def asking(ended: list[str]) -> Conversation[Sequence[object]]:
    try:
        first = yield Statement("one")
        second = yield Statement("two", (1,))
        return [*first, *second]
    finally:
        ended.append("ended")


def bearing() -> Conversation[str]:
    try:
        yield Statement("one")
    except Broken:
        rows = yield Statement("another")
        return f"went on with {rows}"
    return "was never broken"


def translating() -> Conversation[None]:
    try:
        yield Statement("one")
    except Broken as error:
        raise ValueError("said otherwise") from error


def answer(statement: Statement) -> Rows:
    return [(statement.sql, *statement.values)]


def refuse_one(statement: Statement) -> Rows:
    if statement.sql == "one":
        raise Broken
    return answer(statement)


async def answer_later(statement: Statement) -> Rows:
    return answer(statement)


async def refuse_one_later(statement: Statement) -> Rows:
    return refuse_one(statement)


async def test_every_statement_is_answered_and_what_came_of_it_returned() -> None:
    ended: list[str] = []

    assert hold_blocking(asking(ended), answer) == [("one",), ("two", 1)]
    assert await hold_awaited(asking(ended), answer_later) == [("one",), ("two", 1)]
    assert ended == ["ended", "ended"]


async def test_a_driver_s_error_goes_through_the_conversation_and_comes_out_with_a_note() -> None:
    ended: list[str] = []

    with pytest.raises(Broken) as blocking:
        hold_blocking(asking(ended), refuse_one)
    with pytest.raises(Broken) as awaited:
        await hold_awaited(asking(ended), refuse_one_later)

    assert ended == ["ended", "ended"]
    assert blocking.value.__notes__ == awaited.value.__notes__ == [NOTE]


async def test_a_conversation_may_go_on_after_an_error() -> None:
    said = "went on with [('another',)]"

    assert hold_blocking(bearing(), refuse_one) == said
    assert await hold_awaited(bearing(), refuse_one_later) == said


async def test_a_conversation_may_say_an_error_in_words_of_its_own() -> None:
    with pytest.raises(ValueError, match="said otherwise") as caught:
        hold_blocking(translating(), refuse_one)

    assert isinstance(caught.value.__cause__, Broken)


async def test_who_is_cancelled_while_waiting_leaves_no_conversation_open() -> None:
    ended: list[str] = []
    is_asked = asyncio.Event()

    async def never(_statement: Statement) -> Rows:
        is_asked.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    held = asyncio.create_task(hold_awaited(asking(ended), never))
    await asyncio.wait_for(is_asked.wait(), 5)
    held.cancel()

    with pytest.raises(asyncio.CancelledError) as caught:
        await held
    assert ended == ["ended"]
    assert not hasattr(caught.value, "__notes__")


def test_values_go_where_each_driver_wants_them() -> None:
    sql = "SELECT %s, f(%s) WHERE x = %s"

    assert with_question_marks(sql) == "SELECT ?, f(?) WHERE x = ?"
    assert with_numbers(sql) == "SELECT $1, f($2) WHERE x = $3"
    assert with_numbers("SELECT 1") == "SELECT 1"


def test_memory_comes_as_bytes() -> None:
    def view(_statement: Statement) -> Rows:
        return [(memoryview(b"x"), 1)]

    assert hold_blocking(asking([]), view) == [(b"x", 1), (b"x", 1)]

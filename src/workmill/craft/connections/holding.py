"""How a conversation is held, statement by statement, whatever the driver."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from workmill.words.codec import Json
from workmill.words.conversation import Conversation, Statement

Rows: TypeAlias = Sequence[Sequence[Json]]
T = TypeVar("T")

NOTE = "this was a statement of Workmill's own in your transaction: roll it back, nothing of it is stored"


class Cursor(Protocol):
    """What PEP 249 says of a cursor, as far as it is used."""

    @property
    def description(self) -> object:
        """None where the statement gives no rows."""

    def execute(self, sql: str, values: Sequence[str | int | bytes | None], /) -> object:
        """Run one statement."""

    def fetchall(self) -> Rows:
        """Give its rows."""


def hold_blocking(conversation: Conversation[T], run: Callable[[Statement], Rows]) -> T:
    """Hold a conversation; `run` answers its statements."""
    step: Callable[[], Statement] = conversation.__next__
    try:
        while True:
            statement = step()
            try:
                rows = plain(run(statement))
            except BaseException as error:  # noqa: BLE001 - it is the conversation that raises it again
                step = partial(conversation.throw, _noted(error))
            else:
                step = partial(conversation.send, rows)
    except StopIteration as end:
        answer: T = end.value
        return answer
    finally:
        conversation.close()


async def hold_awaited(conversation: Conversation[T], run: Callable[[Statement], Awaitable[Rows]]) -> T:
    """Hold a conversation; `run` answers its statements, and is awaited."""
    step: Callable[[], Statement] = conversation.__next__
    try:
        while True:
            statement = step()
            try:
                rows = plain(await run(statement))
            except BaseException as error:  # noqa: BLE001 - it is the conversation that raises it again
                step = partial(conversation.throw, _noted(error))
            else:
                step = partial(conversation.send, rows)
    except StopIteration as end:
        answer: T = end.value
        return answer
    finally:
        conversation.close()


def rows_of(cursor: Cursor, sql: str, statement: Statement) -> Rows:
    """Run a statement, whose text is `sql` to this driver, and return its rows."""
    cursor.execute(sql, statement.values)
    return cursor.fetchall() if cursor.description else []


def plain(rows: Iterable[Iterable[Json]]) -> Rows:
    """Return rows as tuples and bytes, whatever a driver or its user makes of them."""
    return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows]


def with_question_marks(sql: str) -> str:
    """Return the text of a statement with `?` where a value goes."""
    return sql.replace("%s", "?")


def with_numbers(sql: str) -> str:
    """Return the text of a statement with `$1`, `$2` and so on where a value goes."""
    first, *others = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))


def _noted(error: BaseException) -> BaseException:
    if isinstance(error, Exception):
        error.add_note(NOTE)
    return error

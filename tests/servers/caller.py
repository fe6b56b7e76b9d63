"""A caller's own connection to PostgreSQL, and its own table beside the store's."""

from typing import TypeVar

import psycopg

from workmill.words.conversation import Conversation

T = TypeVar("T")


class PostgresCaller:
    """One transaction after another on one connection.

    Args:
        connection: The connection, without autocommit.
        table: The caller's table: one text.
    """

    def __init__(self, connection: psycopg.AsyncConnection, table: str) -> None:
        self.connection = connection
        self._table = table

    async def hold(self, conversation: Conversation[T]) -> T:
        """Hold a conversation of the store's, and return what comes of it or raise what it raises."""
        try:
            statement = next(conversation)
            while True:
                try:
                    cursor = await self.connection.execute(statement.sql, statement.values)
                    rows = await cursor.fetchall()
                except psycopg.Error as error:
                    statement = conversation.throw(error)
                else:
                    statement = conversation.send(rows)
        except StopIteration as end:
            answer: T = end.value
            return answer

    async def write(self, text: str) -> None:
        """Store a row of the caller's own."""
        await self.connection.execute(f"INSERT INTO {self._table} (text) VALUES (%s)", [text])

    async def read(self) -> list[str]:
        """Return the caller's own rows that this connection sees."""
        cursor = await self.connection.execute(f"SELECT text FROM {self._table} ORDER BY place")
        return [row[0] for row in await cursor.fetchall()]

    async def commit(self) -> None:
        """Commit the transaction."""
        await self.connection.commit()

    async def roll_back(self) -> None:
        """Roll the transaction back."""
        await self.connection.rollback()

    async def close(self) -> None:
        """Close the connection; what is not committed is rolled back."""
        await self.connection.close()

"""What is asked of a connection of the caller's, in two colours: one that blocks, and one that is awaited."""

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias, TypeVar

from workmill.words.conversation import Conversation
from workmill.words.errors import InvalidOption

Kind: TypeAlias = Literal["postgresql", "sqlite3", "apsw"]
"""Whose transactions they are: one of a store's `Capabilities.joins`."""

T = TypeVar("T")


class BlockingConnection(ABC):
    """A connection that is used in the thread it is given in. All errors are the driver's own unless said otherwise."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """Whose transactions these are."""

    @abstractmethod
    def hold(self, conversation: Conversation[T]) -> T:
        """Hold a conversation, to its end, and return what came of it.

        It joins the transaction that is open. Where none is, it does as a statement of the caller's own would: it opens
        one and leaves it open, or, where the connection commits by itself, it takes effect at once and as a whole. An
        error of the driver's goes through the conversation and comes out with a note.

        Raises:
            InvalidOption: The transaction of `begin` was ended by another hand, as far as the driver tells.
        """

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction, if none was begun by the driver itself, that `commit` or `roll_back` shall end.

        Raises:
            InvalidOption: Another hand is to end it, as far as the driver tells: a block or a BEGIN of the caller's.
        """

    @abstractmethod
    def commit(self) -> None:
        """Commit the transaction. What failed to commit can be rolled back."""

    @abstractmethod
    def roll_back(self) -> None:
        """Roll the transaction back. It is no error if nothing is left of it."""


class AwaitedConnection(ABC):
    """A connection that is used in the event loop it is given in. Its verbs do as those of `BlockingConnection`."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """See `BlockingConnection.kind`."""

    @abstractmethod
    async def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`.

        Raises:
            InvalidOption: The transaction of `begin` was ended by another hand, as far as the driver tells.
        """

    @abstractmethod
    async def begin(self) -> None:
        """See `BlockingConnection.begin`.

        Raises:
            InvalidOption: Another hand is to end the transaction.
        """

    @abstractmethod
    async def commit(self) -> None:
        """See `BlockingConnection.commit`."""

    @abstractmethod
    async def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""


def open_already(connection: object) -> InvalidOption:
    """Return the refusal of a connection whose transaction is another's to end."""
    remedy = "a transaction is open on it already: leave its block, or end it, before finish_in, which has its own"
    return InvalidOption("connection", type(connection), remedy)


def ended_already(connection: object) -> InvalidOption:
    """Return the refusal of a connection whose transaction was ended by another hand."""
    remedy = (
        "the transaction was ended inside the block of finish_in: leave that to the block, which ends the job with it"
    )
    return InvalidOption("connection", type(connection), remedy)

"""The verbs over channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.job import NewJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Messages, oldest first, and the cursor behind the last of them, or behind what there is where there are none."""

    messages: tuple[Message, ...]
    cursor: str


class ChannelVerbs(Protocol):
    """What a store does with messages. They are kept for an hour, for subscribers who were away for a moment."""

    async def publish(self, messages: Sequence[NewMessage], jobs: Sequence[NewJob] = ()) -> list[Message]:
        """Store messages, and jobs with them, all or none, and tell listeners. One whose id is stored is not repeated.

        Raises:
            JobConflict, QueueFull, UniqueConflict: As for `enqueue`.
        """

    async def messages(self, channels: Sequence[str], *, cursor: str | None, limit: int) -> Heard:
        """Return up to `limit` messages on these channels that came behind `cursor`; with None, only where it is now.

        Whoever goes on from cursor to cursor gets every message that was published meanwhile, once, in the order of
        their publishing, the same for everybody on one channel; none that is older than an hour.

        Raises:
            InvalidOption: The cursor is none of this store's.
        """

    async def subscriptions(self, channel: str | None = None) -> list[Subscription]:
        """Return the durable subscriptions, by channel and task; those of one channel only where it is named."""

    async def unsubscribe(self, channel: str, tasks: Sequence[str]) -> None:
        """Forget durable subscriptions. Unknown ones are no error."""

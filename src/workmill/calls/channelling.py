"""Channels: messages for whoever listens, and jobs for whoever subscribed for good.

What that takes is loaded when it is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from workmill.craft.client import Client, Session
from workmill.craft.options import Declared, Options, changed_policy, check_priority
from workmill.craft.registrar import Registrar
from workmill.craft.registry import Registry
from workmill.sync import Portal
from workmill.words.codec import Json
from workmill.words.duration import Duration
from workmill.words.errors import InvalidOption
from workmill.words.names import check_name
from workmill.words.policy import KEEP, Policy
from workmill.words.retry import Retry

if TYPE_CHECKING:
    from workmill.calls.messages import Messages
    from workmill.craft.channels import Message

BUFFER = 100
MOST_BUFFERED = 1000


class Channelling:
    """What an application does with channels."""

    _client: Client
    _portal: Portal
    _registry: Registry

    def publish(self, channel: str, data: Json = None, *, id: str | None = None) -> Message:
        """Publish a JSON value: on return it is stored, with a job for each durable subscription.

        Every hearer gets it, those that were away for a moment too: messages are kept for an hour.

        Args:
            channel: Up to 128 of the characters `A-Z a-z 0-9 _ . : -`.
            data: Whatever JSON can hold.
            id: A UUID of yours: to publish again with it publishes nothing more.

        Raises:
            InvalidOption: The channel cannot be a name, or the data has no JSON form.
            QueueFull: The queue of a subscription may hold no more; nothing was published.
            StoreUnavailable: Unknown whether it was published; repeat it with an id to be sure of one message.
        """
        return self._portal.run(self._publishing(channel, data, id), timeout=self._client.longest_enqueue)

    async def apublish(self, channel: str, data: Json = None, *, id: str | None = None) -> Message:
        """Do as `publish` does, awaited."""
        return await self._portal.arun(self._publishing(channel, data, id))

    def subscribe(self, *channels: str, cursor: str | None = None, buffer: int = BUFFER) -> Messages:
        """Return a context in which the messages of channels come, each once, in the order of their publishing.

        Every live hearer gets every message. For work that must be done once, whoever lives, there is `on`.

        Args:
            channels: Which ones.
            cursor: The `cursor` of the message to go on behind; without it, those come that are published from now on.
            buffer: How many are fetched at once, at most.

        Raises:
            InvalidOption: A channel cannot be a name, or the buffer is not from 1 to 1,000. On entering: the cursor is
                none of this store's.
        """
        if isinstance(buffer, bool) or not isinstance(buffer, int) or not 1 <= buffer <= MOST_BUFFERED:
            raise InvalidOption("buffer", buffer, f"give a whole number from 1 to {MOST_BUFFERED:,}")
        from workmill.calls.messages import Messages  # noqa: PLC0415 - loaded by who hears
        from workmill.craft.channels import checked_channels  # noqa: PLC0415 - likewise

        return Messages(self._portal, checked_channels(channels), cursor=cursor, buffer=buffer)

    def on(
        self,
        channel: str,
        *,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        keep: Duration = KEEP,
    ) -> Registrar:
        """Register a function of one parameter as a task of which each message on a channel makes a job.

        That subscription is durable: workers store it as they start, and from then on no message is missed, also while
        no worker lives. It ends when a worker starts with the task on another channel or on none.

        Args:
            channel: The channel.
            name: The task's name; else the function's own.
            queue: The queue its jobs go to.
            priority: From -100 to 100; higher is claimed first.
            retry: How a failed attempt is repeated; else never.
            timeout: How long one attempt may take.
            keep: How long a job's record stays after its end.

        Raises:
            DuplicateTask: The name is taken.
            InvalidOption: An option is out of its range.
            TaskError: The function does not take exactly one argument.
        """
        options = Options(
            queue=check_name("queue", queue),
            priority=check_priority(priority),
            policy=changed_policy(Policy(), retry=retry, timeout=timeout, keep=keep),
        )
        retry_on = (Exception,) if retry is None else retry.on
        declared = Declared(retry_on=retry_on, channel=check_name("channel", channel))
        return Registrar(self._registry.register, name, options, declared)

    def _publishing(self, channel: str, data: Json, id: str | None) -> Callable[[Session], Awaitable[Message]]:
        from workmill.craft.channels import new_message, publish  # noqa: PLC0415 - loaded by who publishes

        new = new_message(channel, data, id)
        return lambda session: publish(session, self._client, new)

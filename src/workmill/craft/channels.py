"""Publishing on channels, and what a message is to those who hear it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workmill.craft.client import Client, Session
from workmill.craft.ids import derived_id, new_id
from workmill.words.channel import Message as StoredMessage
from workmill.words.channel import NewMessage, Subscription
from workmill.words.codec import Json, dump, load
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.names import canonical_id, check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message that was published on a channel.

    Attributes:
        data: What was published, as JSON values.
        cursor: Where it stands: to subscribe with it goes on behind this message.
    """

    id: str
    channel: str
    data: Json
    published_at: datetime
    cursor: str


def new_message(channel: str, data: Json, message_id: str | None) -> NewMessage:
    """Make a message that is not stored yet.

    Raises:
        InvalidOption: The channel cannot be a name, the data has no JSON form, or the id is none.
    """
    try:
        text = dump(data)
    except ValueError as error:
        raise InvalidOption("data", type(data), f"give what JSON can hold: {error}") from None
    return NewMessage(id=_checked_id(message_id), channel=check_name("channel", channel), data=text)


def message_of(stored: StoredMessage) -> Message:
    """Return a stored message as its hearers see it."""
    return Message(
        id=stored.id,
        channel=stored.channel,
        data=load(stored.data),
        published_at=stored.published_at,
        cursor=stored.cursor,
    )


async def publish(session: Session, client: Client, message: NewMessage) -> Message:
    """Store a message, with one job for each durable subscription, in one transaction.

    Raises:
        QueueFull: The queue of a subscription may hold no more; nothing was published.
    """
    subscriptions = await session.store.subscriptions(message.channel)
    jobs = [_job(subscription, message) for subscription in subscriptions]
    stored = await session.store.publish([message], jobs)
    if jobs and client.after_enqueue is not None:
        await client.after_enqueue()
    return message_of(stored[0])


def checked_channels(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the channels to hear.

    Raises:
        InvalidOption: There is none, or one cannot be a name.
    """
    if not channels:
        raise InvalidOption("channels", channels, "name at least one channel")
    return tuple(dict.fromkeys(check_name("channel", channel) for channel in channels))


def _job(subscription: Subscription, message: NewMessage) -> NewJob:
    return NewJob(
        id=derived_id(message.id, subscription.channel, subscription.task),
        task=subscription.task,
        queue=subscription.queue,
        priority=subscription.priority,
        args=b"{" + dump(subscription.parameter) + b":" + message.data + b"}",
        policy=subscription.policy,
    )


def _checked_id(message_id: str | None) -> str:
    if message_id is None:
        return new_id()
    canonical = canonical_id(message_id)
    if canonical is None:
        raise InvalidOption("id", message_id, "give a UUID, the same for every repeat of this message")
    return canonical

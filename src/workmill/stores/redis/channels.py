"""Channels: messages in the order of their publishing, and who subscribes for good."""

from collections.abc import Sequence

from workmill.store import Heard
from workmill.stores.redis.drafting import draft, written
from workmill.stores.redis.finding import LARGEST_LIMIT, foreign, place_of
from workmill.stores.redis.rows import moment, pack, unpacked
from workmill.stores.redis.session import Session
from workmill.stores.redis.storing import docs_of
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.codec import Json, dump, dump_policy, load, load_policy
from workmill.words.job import NewJob


async def publish(messages: Sequence[NewMessage], jobs: Sequence[NewJob], session: Session) -> list[Message]:
    """See `Store.publish`."""
    if not messages and not jobs:
        return []
    said = pack([[new.id, new.channel, new.data] for new in messages])
    drafts = written(jobs, [draft(new) for new in jobs])
    return [message_of(*row) for row in await session.run("publish", said, drafts, *docs_of(jobs))]


async def messages(channels: Sequence[str], cursor: str | None, limit: int, session: Session) -> Heard:
    """See `Store.messages`."""
    behind = 0 if cursor is None else place_of(cursor)
    asked = {"channels": list(dict.fromkeys(channels)), "behind": behind, "limit": 0}
    if cursor is None or limit <= 0:
        newest, *_ = await session.run("messages", pack(asked))
        return Heard(messages=(), cursor=str(newest) if cursor is None else checked(cursor, newest))
    found, most, newest = list[Message](), min(limit, LARGEST_LIMIT), behind
    while asked["behind"] is not None and len(found) < most:
        step = asked | {"limit": most - len(found)}
        newest, asked["behind"], rows = await session.run("messages", pack(step))
        found += [message_of(*row) for row in rows]
    checked(cursor, newest)
    return Heard(messages=tuple(found), cursor=found[-1].cursor if found else str(newest))


async def subscriptions(channel: str | None, session: Session) -> list[Subscription]:
    """See `Store.subscriptions`."""
    said = await session.run("subscriptions", pack(channel))
    return sorted(map(subscription_of, said), key=lambda one: (one.channel, one.task))


async def unsubscribe(channel: str, tasks: Sequence[str], session: Session) -> None:
    """See `Store.unsubscribe`."""
    if tasks:
        await session.run("unsubscribe", pack({"channel": channel, "tasks": list(tasks)}))


def declared(subscriptions: Sequence[Subscription]) -> list[Json]:
    """Return what scripts must know of subscriptions."""
    return [{"channel": one.channel, "task": one.task, "text": text_of(one)} for one in subscriptions]


def checked(cursor: str, newest: int) -> str:
    """Return a cursor behind a message that there was.

    Raises:
        InvalidOption: It is of a message still to come.
    """
    if int(cursor) > newest:
        raise foreign(cursor)
    return cursor


def message_of(number: bytes, record: bytes) -> Message:
    """Read one message."""
    message_id, channel, data, published_at = unpacked(record, raw=True)
    return Message(
        id=message_id.decode(errors="surrogatepass"),
        channel=channel.decode(errors="surrogatepass"),
        data=data,
        published_at=moment(published_at),
        cursor=number.decode(),
    )


def text_of(one: Subscription) -> bytes:
    """Write a subscription."""
    return dump([one.channel, one.task, one.queue, one.priority, dump_policy(one.policy), one.parameter])


def subscription_of(text: bytes) -> Subscription:
    """Read one subscription."""
    channel, task, queue, priority, policy, parameter = load(text)
    return Subscription(
        channel=channel, task=task, queue=queue, priority=priority, policy=load_policy(policy), parameter=parameter
    )

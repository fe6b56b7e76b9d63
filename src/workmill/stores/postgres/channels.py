"""Channels: messages in the order of their commits, and who subscribes for good."""

from collections.abc import Sequence

from workmill.store import Heard, Notice, NoticeKind
from workmill.stores.postgres.enqueueing import check, notices_of
from workmill.stores.postgres.finding import LARGEST_LIMIT, place_of
from workmill.stores.postgres.refusals import refusal
from workmill.stores.postgres.rows import Row, text_of
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.storing import MOST_TRIES, PATIENCE, drafts
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.codec import Json, dump, dump_policy, load, load_policy
from workmill.words.errors import StoreUnavailable
from workmill.words.job import NewJob
from workmill.words.ticks import moment


async def publish(messages: Sequence[NewMessage], jobs: Sequence[NewJob], session: Session) -> list[Message]:
    """See `Store.publish`."""
    if not messages and not jobs:
        return []
    for new in jobs:
        check(new)
    asked = dump({"messages": [written(new) for new in messages], "jobs": await drafts(jobs, session)}).decode()
    for _ in range(MOST_TRIES):
        rows = await session.run("channel", "publish", {"asked": asked, "patience": PATIENCE})
        if rows:
            return published(rows, jobs, session)
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


def written(new: NewMessage) -> dict[str, Json]:
    """Return what is stored of a message."""
    return {"id": new.id, "channel": new.channel, "data": text_of("data", new.data)}


def published(rows: Sequence[Sequence[Json]], jobs: Sequence[NewJob], session: Session) -> list[Message]:
    """Read what became of messages, and tell of them."""
    said, detail, *_ = rows[0]
    if said == "refused":
        raise refusal(detail)
    messages = [message_of((*row[4:7], row[3], row[2])) for row in rows[1:]]
    names = dict.fromkeys(message.channel for message in messages)
    notices = [Notice(kind=NoticeKind.PUBLISHED, channel=name) for name in names]
    session.bells.ring([*notices, *(notices_of(jobs) if jobs else ())])
    session.tell_followed(None if detail is None else load(detail))
    return messages


async def messages(channels: Sequence[str], cursor: str | None, limit: int, session: Session) -> Heard:
    """See `Store.messages`."""
    behind = None if cursor is None else place_of(cursor)
    ((newest,),) = await session.run("channel", "newest")
    if behind is None:
        return Heard(messages=(), cursor=str(newest))
    values = {
        "channels": [name for name in channels if "\0" not in name],
        "behind": behind,
        "newest": newest,
        "limit": max(0, min(limit, LARGEST_LIMIT)),
    }
    found = tuple(message_of(row) for row in await session.run("channel", "messages", values))
    if limit <= 0:
        return Heard(messages=(), cursor=str(behind))
    return Heard(messages=found, cursor=found[-1].cursor if found else str(max(behind, newest)))


async def subscriptions(channel: str | None, session: Session) -> list[Subscription]:
    """See `Store.subscriptions`."""
    if channel is not None and "\0" in channel:
        return []
    return [subscription_of(row) for row in await session.run("channel", "subscriptions", {"channel": channel})]


async def unsubscribe(channel: str, tasks: Sequence[str], session: Session) -> None:
    """See `Store.unsubscribe`."""
    await session.run("channel", "unsubscribe", [channel, list(tasks)])


def declared(subscriptions: Sequence[Subscription]) -> str:
    """Return what the server must know of subscriptions."""
    return dump(
        [
            {
                "channel": one.channel,
                "task": one.task,
                "queue": one.queue,
                "priority": one.priority,
                "policy": dump_policy(one.policy),
                "parameter": one.parameter,
            }
            for one in subscriptions
        ]
    ).decode()


def message_of(row: Row) -> Message:
    """Read one message."""
    message_id, channel, data, published_at, number = row
    return Message(
        id=message_id, channel=channel, data=data.encode(), published_at=moment(published_at), cursor=str(number)
    )


def subscription_of(row: Row) -> Subscription:
    """Read one subscription."""
    channel, task, queue, priority, policy, parameter = row
    return Subscription(
        channel=channel, task=task, queue=queue, priority=priority, policy=load_policy(policy), parameter=parameter
    )

"""Channels: the messages of the last hour in the order of their commits, and who subscribes for good."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from workmill.store import Heard, NoticeKind
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.finding import place_of
from workmill.stores.sqlite.rows import pack, text_of, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.storing import enqueue
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.codec import Json, dump_policy, load_policy
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.ticks import TICK, moment

KEPT = timedelta(hours=1) // TICK
"""How long a message can be heard, in microseconds."""
MOST_FORGOTTEN = 10_000
"""How many messages one pruning deletes at most, so that nobody has to wait for it long."""


def publish(messages: Sequence[NewMessage], jobs: Sequence[NewJob], transaction: Transaction) -> list[Message]:
    """See `Store.publish`."""
    rows = [(new.id, new.channel, text_of("data", new.data), transaction.now) for new in messages]
    if jobs:
        enqueue(jobs, transaction)
    transaction.run_each(statements("channel")["publish"], rows)
    stored = transaction.batch(statements("channel")["published"], pack([new.id for new in messages]))
    by_id = {message.id: message for message in map(message_of, stored)}
    for channel in dict.fromkeys(message.channel for message in by_id.values()):
        transaction.tell(NoticeKind.PUBLISHED, channel=channel)
    return [by_id[new.id] for new in messages]


def messages(channels: Sequence[str], cursor: str | None, limit: int, transaction: Transaction) -> Heard:
    """See `Store.messages`."""
    with transaction.snapshot():
        newest = int(transaction.value(statements("channel")["newest"]) or 0)
        behind = newest if cursor is None else place_of(cursor)
        if behind > newest:
            raise InvalidOption("cursor", cursor, "give a cursor that came with messages of this store, or none")
        found = heard(channels, behind, min(limit, LARGEST), transaction) if behind < newest and limit > 0 else []
    return Heard(messages=tuple(found), cursor=found[-1].cursor if found else str(behind if limit <= 0 else newest))


def heard(channels: Sequence[str], behind: int, limit: int, transaction: Transaction) -> list[Message]:
    """Return up to `limit` messages on channels that came behind a number."""
    named = pack([writable(channel) for channel in dict.fromkeys(channels)])
    try:
        rows = transaction.batch(statements("channel")["behind"], named, behind, transaction.now - KEPT, limit)
    except Exception as error:
        if code_of(error) is not Code.TOOBIG or limit == 1:
            raise
        # More than SQLite hands over at once, a gigabyte: fewer will do.
        return heard(channels, behind, limit // 2, transaction)
    return [message_of(row) for row in rows]


def message_of(row: Sequence[Json]) -> Message:
    """Read one message."""
    seq, message_id, channel, data, published_at = row
    return Message(
        id=message_id, channel=channel, data=data.encode(), published_at=moment(published_at), cursor=str(seq)
    )


def forget(transaction: Transaction) -> None:
    """Delete messages that are too old to be heard."""
    transaction.run(statements("channel")["forget"], transaction.now - KEPT, MOST_FORGOTTEN)


def declare(subscriptions: Sequence[Subscription], transaction: Transaction) -> None:
    """Note durable subscriptions, each in place of the one of the same channel and task."""
    transaction.run_each(
        statements("channel")["subscribe"],
        [
            (each.channel, each.task, each.queue, each.priority, dump_policy(each.policy), each.parameter)
            for each in subscriptions
        ],
    )


def subscriptions(channel: str | None, transaction: Transaction) -> list[Subscription]:
    """See `Store.subscriptions`."""
    named = None if channel is None else writable(channel)
    found = []
    for row in transaction.batch(statements("channel")["subscriptions"], named):
        with suppress(ValueError):
            found.append(subscription_of(row))
    return found


def subscription_of(row: Sequence[Json]) -> Subscription:
    """Read one subscription.

    Raises:
        ValueError: It cannot be read.
    """
    channel, task, queue, priority, policy, parameter = row
    return Subscription(
        channel=channel, task=task, queue=queue, priority=priority, policy=load_policy(policy), parameter=parameter
    )


def unsubscribe(channel: str, tasks: Sequence[str], transaction: Transaction) -> None:
    """See `Store.unsubscribe`."""
    named = pack([writable(task) for task in tasks])
    transaction.run(statements("channel")["unsubscribe"], writable(channel), named)

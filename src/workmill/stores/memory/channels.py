"""The messages of the last hour in the order of their publishing, and who subscribes for good."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from workmill.store import Heard
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.clock import later

KEPT = timedelta(hours=1)
"""How long a message can be heard."""


class Channels:
    """Messages by their numbers, which are their cursors, and subscriptions by channel and task."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._numbers: list[int] = []
        self._by_id: dict[str, Message] = {}
        self._newest = 0
        self._subscriptions: dict[tuple[str, str], Subscription] = {}

    def publish(self, new: NewMessage, now: datetime) -> Message:
        """Store a message, unless its id is stored, and return it."""
        if new.id not in self._by_id:
            self._newest += 1
            message = Message(id=new.id, channel=new.channel, data=new.data, published_at=now, cursor=str(self._newest))
            self._messages.append(message)
            self._numbers.append(self._newest)
            self._by_id[new.id] = message
        return self._by_id[new.id]

    def is_behind(self, number: int) -> bool:
        """Whether a number is that of a message which is still to come."""
        return number > self._newest

    def heard(self, channels: Sequence[str], behind: int | None, limit: int, now: datetime) -> Heard:
        """Return what came on channels behind a number (None: nothing, but where it is now)."""
        start = len(self._numbers) if behind is None else bisect_right(self._numbers, behind)
        messages = [
            one for one in self._messages[start:] if one.channel in channels and now < later(one.published_at, KEPT)
        ][:limit]
        return Heard(messages=tuple(messages), cursor=messages[-1].cursor if messages else str(self._newest))

    def forget(self, now: datetime) -> None:
        """Drop the messages that are too old to be heard."""
        old = sum(later(one.published_at, KEPT) <= now for one in self._messages)
        for message in self._messages[:old]:
            del self._by_id[message.id]
        del self._messages[:old], self._numbers[:old]

    def subscribe(self, subscription: Subscription) -> None:
        """Note a durable subscription, in place of the one of the same channel and task."""
        self._subscriptions[subscription.channel, subscription.task] = subscription

    def unsubscribe(self, channel: str, task: str) -> None:
        """Forget a durable subscription; an unknown one is no error."""
        self._subscriptions.pop((channel, task), None)

    def subscriptions(self, channel: str | None) -> list[Subscription]:
        """Return the durable subscriptions by channel and task, those of one channel or all."""
        return [one for (name, _), one in sorted(self._subscriptions.items()) if channel is None or name == channel]

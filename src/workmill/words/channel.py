"""Named lines to publish on and to subscribe to."""

from dataclasses import dataclass
from datetime import datetime

from workmill.words.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What is published on a channel: one JSON value. Its id is the caller's, so that to repeat it stores it once."""

    id: str
    channel: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A published message. `cursor` points behind it; it means something to its store only."""

    id: str
    channel: str
    data: bytes
    published_at: datetime
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A durable subscription: each message on `channel` makes one job of `task`.

    Attributes:
        parameter: The function's parameter that takes the message.
    """

    channel: str
    task: str
    queue: str
    priority: int
    policy: Policy
    parameter: str

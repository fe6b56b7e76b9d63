"""The scripts of this room: one for each verb, put together once and known to a server by the sum of its text."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from workmill.stores.redis.composing import composed
from workmill.stores.redis.wire import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What the server runs for one verb, and the name that it knows it by."""

    verb: str
    text: bytes
    sha: bytes


@lru_cache
def script(verb: str) -> Script:
    """Return the script of a verb."""
    text = composed(verb).encode()
    return Script(verb=verb, text=text, sha=hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def is_change(reply: Reply) -> bool:
    """Whether a script's reply says that it has changed something."""
    match reply:
        case [int(changes), _, 1]:
            return changes >= 0
    return False

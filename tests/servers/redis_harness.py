"""One prefix of a test's own on a Redis server, and the power over it that the conformance suite asks for."""

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import redis

from workmill.stores.redis import RedisStore
from workmill.testing.conformance.harness import Opener

MOMENT = 1_893_499_200_000_000
"""Noon of the first day of 2030, where the clock stands still."""


class RedisHarness:
    """Stores on one prefix, whose clock stands still until it is moved.

    Args:
        database: The URL of a database, without options.
        prefix: What the stores' keys begin with; one of its own where none is given.
    """

    def __init__(self, database: str, prefix: str | None = None) -> None:
        self._database = database
        self._home = database
        self.prefix = prefix or f"test_{secrets.token_hex(6)}"

    @property
    def url(self) -> str:
        """The URL of the stores."""
        return f"{self._database}?prefix={self.prefix}"

    def key(self, name: str) -> str:
        """Return what a key of the stores is called in full."""
        return f"{{{self.prefix}}}:{name}"

    async def make(self) -> RedisStore:
        """Make and open one more store."""
        store = RedisStore(self.url)
        await store.open()
        self.execute("HSETNX", self.key("meta"), "clock", MOMENT)
        return store

    async def advance(self, length: timedelta) -> None:
        """Move the clock that all these stores share."""
        self.execute("HINCRBY", self.key("meta"), "clock", length // timedelta(microseconds=1))

    async def corrupt(self, job_id: str) -> bool:
        """Damage a stored job."""
        ties, _, args = self.execute("HGET", self.key("docs"), job_id).partition(b"\n")
        damaged = json.dumps(["{", *json.loads(ties)[1:]]).encode()
        self.execute("HSET", self.key("docs"), job_id, damaged + b"\n" + args)
        return True

    def opener(self) -> Opener:
        """Return the maker for other processes."""
        return partial(RedisStore, self.url)

    async def caller(self) -> None:
        """Open no connection: this store joins no transactions."""

    def execute(self, *words: str | int | bytes) -> Any:
        """Do what no verb of a store does; in a cluster, on the server that has its keys."""
        try:
            return self._told(words)
        except redis.exceptions.MovedError as moved:
            self._home = f"redis://{moved.host}:{moved.port}/0"
            return self._told(words)

    def keys(self) -> list[str]:
        """Return the keys of the stores, in order."""
        self.execute("EXISTS", self.key("meta"))  # From now on it is known who has them.
        with redis.Redis.from_url(self._home) as client:
            return sorted(key.decode() for key in client.scan_iter(match=self.key("*"), count=1000))

    def drop(self) -> None:
        """Leave nothing behind."""
        if keys := self.keys():
            self.execute("UNLINK", *keys)

    def _told(self, words: Sequence[str | int | bytes]) -> Any:
        with redis.Redis.from_url(self._home) as client:
            return client.execute_command(*words)

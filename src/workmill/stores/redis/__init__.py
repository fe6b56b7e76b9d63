"""The room on Redis and Valkey: any number of machines, every accepted job as safe as the server keeps it."""

from workmill.stores.redis.store import RedisStore

__all__ = ["RedisStore"]

"""The room on PostgreSQL: any number of machines, every accepted job as safe as the server keeps it."""

from workmill.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

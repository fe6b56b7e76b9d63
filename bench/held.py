"""What a claim costs while 100,000 jobs wait for limits on 1,000 keys, and 100,000 more for other jobs.

    ./run bench held [--jobs 100000] [--turns 500] [--store sqlite|postgresql|redis] [--folder FOLDER]

A turn settles ten jobs and claims ten, plain ones or ones that each pass a key of their own; beside it goes the same in
a store in which nothing is held back.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench._flat_postgres import empty_beside
from bench._held import Cost, measure, show
from tests.servers.postgres import chosen_server
from tests.servers.redis import chosen_redis
from workmill.store import Store
from workmill.stores.postgres import PostgresStore
from workmill.stores.redis import RedisStore
from workmill.stores.sqlite import SqliteStore

STORES = ("sqlite", "postgresql", "redis")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000, help="how many are held back by either")
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--folder", help="where the files are made; a temporary folder otherwise")
    parser.add_argument("--store", choices=STORES, help="measure this one alone")
    chosen = parser.parse_args()
    if chosen.store in {None, "sqlite"}:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            print("SQLite")
            show(asyncio.run(on_sqlite(Path(folder), chosen.jobs, chosen.turns)))
    if chosen.store in {None, "postgresql"}:
        with chosen_server() as url, empty_beside(url) as empty_url:
            print("PostgreSQL")
            show(asyncio.run(on_postgres(url, empty_url, chosen.jobs, chosen.turns)))
    if chosen.store in {None, "redis"}:
        with chosen_redis() as url:
            print("Redis")
            show(asyncio.run(on_redis(url, chosen.jobs, chosen.turns)))


async def on_sqlite(folder: Path, held: int, turns: int) -> Sequence[Cost]:
    """Measure on files in a folder."""
    return await beside(SqliteStore(folder / "held.db"), SqliteStore(folder / "empty.db"), held, turns)


async def on_postgres(url: str, empty_url: str, held: int, turns: int) -> Sequence[Cost]:
    """Measure on two databases of one server."""
    return await beside(PostgresStore(url), PostgresStore(empty_url), held, turns)


async def on_redis(url: str, held: int, turns: int) -> Sequence[Cost]:
    """Measure on two prefixes of one server."""
    return await beside(RedisStore(f"{url}?prefix=held"), RedisStore(f"{url}?prefix=empty"), held, turns)


async def beside(store: Store, empty: Store, held: int, turns: int) -> Sequence[Cost]:
    """Measure in one store, beside another."""
    await store.open()
    await empty.open()
    try:
        return await measure(store, empty, held=held, turns=turns)
    finally:
        await store.close()
        await empty.close()


if __name__ == "__main__":
    main()

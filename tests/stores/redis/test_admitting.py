"""What a server must be to keep a store: where it is not, opening is refused, and the refusal names the remedy."""

from pathlib import Path

import pytest

from tests.servers.redis import RedisServer, chosen_program, redis_server
from tests.servers.sentinel import replica_of
from tests.stores.redis.scripted import Answer, scripted
from workmill.stores.redis import RedisStore
from workmill.words.errors import StoreError, StoreUnavailable


async def opened(url: str) -> RedisStore:
    """Open a store and close it."""
    store = RedisStore(url)
    await store.open()
    await store.close()
    return store


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "allkeys-lfu"])
async def test_server_that_throws_jobs_away_is_refused(server: RedisServer, policy: str) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", policy)

    with pytest.raises(StoreError, match=f"{policy}.*noeviction"):
        await opened(server.url())

    assert server.ask("DBSIZE") == 0


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru"])
async def test_server_that_keeps_what_has_no_time_to_live_is_taken(server: RedisServer, policy: str) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", policy)

    await opened(server.url())


async def test_policy_is_seen_where_config_is_forbidden(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "default", "-config")
    server.ask("ACL", "SETUSER", "root", "on", "nopass", "~*", "&*", "+@all")
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", username="root", password="x")

    with pytest.raises(StoreError, match="allkeys-lru"):
        await opened(server.url())


async def test_replica_is_not_taken_for_a_primary(tmp_path: Path) -> None:
    program = chosen_program()
    with (
        redis_server(program, settings={"repl-diskless-sync-delay": "0"}) as server,
        replica_of(program, server, tmp_path) as replica,
        pytest.raises(StoreUnavailable, match="is a replica"),
    ):
        await opened(replica.url())


async def test_server_that_is_too_old_is_refused() -> None:
    def answer(command: list[bytes]) -> Answer:
        told = b"redis_version:6.0.16\r\nrole:master\r\n" if command[0] == b"INFO" else b""
        return b"$%d\r\n%s\r\n" % (len(told), told) if command[0] == b"INFO" else b"*0\r\n"

    async with scripted(answer) as server:
        with pytest.raises(StoreError, match=r"Redis 6\.0\.16; Redis 6\.2 or newer is needed"):
            await opened(server.url)


async def test_sync_to_the_disk_is_refused_where_the_server_cannot_tell_of_it(server: RedisServer) -> None:
    with pytest.raises(StoreError, match="appendfsync always"):
        await opened(f"{server.url()}?fsync=1")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"appendfsync": "always"}, "it survives a crash and a power cut"),
        ({"appendfsync": "everysec"}, "two seconds"),
        ({"appendfsync": "no"}, "half a minute"),
        ({"appendonly": "no", "save": "60 1"}, "snapshots only"),
        ({"appendonly": "no", "save": '""'}, "a restart loses every job"),
    ],
)
async def test_durability_is_what_the_server_is_set_to(settings: dict[str, str], said: str) -> None:
    with redis_server(chosen_program(), settings=settings) as server:
        store = RedisStore(server.url())
        before = store.capabilities.durability
        await store.open()

        assert said in store.capabilities.durability
        assert said not in before
        await store.close()

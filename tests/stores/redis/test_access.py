"""What a user of the server must be allowed, and that it needs no more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.redis import RedisServer
from workmill.store import Level, NoticeKind
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import add, end, hired, new_job, request, verdict
from workmill.testing.conformance.notices import hear
from workmill.words.errors import StoreError, StoreUnavailable

CHANGED = frozenset({NoticeKind.CHANGED})
KEYS = ("~{workmill}:*", "&{workmill}:*")
WORKING = ("+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+time", "+wait")
LOOKING = ("+info", "+config|get")
COMMANDS = (*WORKING, *LOOKING)


def url_of(server: RedisServer, *rules: str) -> str:
    """Let a user in who may do this and no more, and return the URL for it."""
    server.ask("ACL", "SETUSER", "mill", "reset", "resetchannels", "on", ">se@cret", *rules)
    return f"redis://mill:se%40cret@127.0.0.1:{server.port}/0"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    """Have a store while inside."""
    store = RedisStore(url)
    await store.open()
    yield store
    await store.close()


async def test_user_of_one_prefix_does_all_work(server: RedisServer) -> None:
    async with opened(url_of(server, *KEYS, *COMMANDS)) as store, store.listen(CHANGED) as ear:
        job = await add(store, new_job())
        (claimed,) = await store.claim(request(await hired(store)))

        assert await verdict(store, end(claimed)) == "applied"
        await hear(ear, lambda notice: job.id in notice.job_ids)
        assert [one for one in await store.diagnose() if one.level is Level.FAIL] == []


async def test_user_who_may_not_look_at_the_server_can_work(server: RedisServer) -> None:
    async with opened(url_of(server, *KEYS, *WORKING)) as store:
        await add(store, new_job())

        assert "does not tell" in store.capabilities.durability


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        (("~{other}:*", "&*", *COMMANDS), "keys"),
        (("~*", *COMMANDS), "channels"),
        ((*KEYS, *COMMANDS, "-evalsha"), "commands"),
    ],
)
async def test_user_who_lacks_a_right_is_refused_at_the_door_with_the_remedy(
    server: RedisServer, rules: tuple[str, ...], missing: str
) -> None:
    store = RedisStore(url_of(server, *rules))

    with pytest.raises(StoreError, match="ACL SETUSER") as refused:
        await store.open()

    assert not isinstance(refused.value, StoreUnavailable), missing


async def test_wrong_password_is_said_and_not_shown(server: RedisServer) -> None:
    url = url_of(server, *KEYS, *COMMANDS).replace("se%40cret", "wrongword")

    with pytest.raises(StoreUnavailable, match=r"(?i)invalid username-password|WRONGPASS") as refused:
        await RedisStore(url).open()

    assert "wrongword" not in str(refused.value)

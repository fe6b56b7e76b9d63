"""What a user of the server must be allowed, as the page for operators says it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer
from workmill.store import Level, NoticeKind
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import add, end, hired, new_job, request, verdict
from workmill.testing.conformance.notices import hear
from workmill.words.errors import StoreError, StoreUnavailable

CHANGED = frozenset({NoticeKind.CHANGED})
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "redis.md").read_text()
RULES = tuple(re.findall(r"^ACL SETUSER mill reset (.*)$", PAGE, re.MULTILINE)[0].split())
LOOKING = ("+info", "+config|get")


def url_of(server: RedisServer, *, without: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> str:
    """Let a user in who may do what the page says, but for some of it, and return the URL for it."""
    server.ask("ACL", "SETUSER", "mill", "reset", *(rule for rule in RULES if rule not in without), *extra)
    return f"redis://mill:secret@127.0.0.1:{server.port}/0"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    """Have a store while inside."""
    store = RedisStore(url)
    await store.open()
    yield store
    await store.close()


async def test_user_of_one_prefix_does_all_work(server: RedisServer) -> None:
    async with opened(url_of(server)) as store, store.listen(CHANGED) as ear:
        job = await add(store, new_job())
        (claimed,) = await store.claim(request(await hired(store)))

        assert await verdict(store, end(claimed)) == "applied"
        await hear(ear, lambda notice: job.id in notice.job_ids)
        assert [one for one in await store.diagnose() if one.level is Level.FAIL] == []


async def test_user_who_may_not_look_at_the_server_can_work(server: RedisServer) -> None:
    async with opened(url_of(server, without=LOOKING)) as store:
        await add(store, new_job())

        assert "does not tell" in store.capabilities.durability


async def test_user_who_may_not_name_its_connections_can_work(server: RedisServer) -> None:
    async with opened(url_of(server, without=("+client|setname",), extra=("-client",))) as store:
        await add(store, new_job())


@pytest.mark.parametrize(
    ("without", "extra"),
    [
        (("~{workmill}:*",), ("~{other}:*",)),
        (("&{workmill}:*",), ("&{other}:*",)),
        (("+evalsha",), ()),
        (("+@connection",), ("+auth", "-select")),
    ],
    ids=["keys", "channels", "commands", "databases"],
)
async def test_user_who_lacks_a_right_is_refused_at_the_door_with_the_remedy(
    server: RedisServer, without: tuple[str, ...], extra: tuple[str, ...]
) -> None:
    store = RedisStore(url_of(server, without=without, extra=extra).replace("/0", "/1"))

    with pytest.raises(StoreError, match="ACL SETUSER") as refused:
        await store.open()

    assert not isinstance(refused.value, StoreUnavailable)
    assert "secret" not in str(refused.value)


async def test_wrong_password_is_said_and_not_shown(server: RedisServer) -> None:
    url = url_of(server).replace("secret", "wrongword")

    with pytest.raises(StoreUnavailable, match=r"(?i)invalid username-password|WRONGPASS") as refused:
        await RedisStore(url).open()

    assert "wrongword" not in str(refused.value)

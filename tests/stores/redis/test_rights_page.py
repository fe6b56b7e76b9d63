"""The user that the page for operators makes can do all work, and see nothing else of the server."""

from pathlib import Path

import pytest

from tests.servers.redis import RedisServer
from workmill.store import Level, NoticeKind
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.channels import new_message
from workmill.testing.conformance.firing import fire_next, under_way
from workmill.testing.conformance.making import end, settle
from workmill.testing.conformance.notices import hear
from workmill.words.errors import StoreError

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "redis.md").read_text()
CHANGED = frozenset({NoticeKind.CHANGED})


@pytest.fixture
def url(server: RedisServer) -> str:
    """Make the page's user, and return the URL for it, without a prefix."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith("ACL SETUSER")]
    server.ask(*line.split())
    return f"redis://mill:secret@127.0.0.1:{server.port}/0"


async def test_user_of_the_page_does_all_work(url: str) -> None:
    store = RedisStore(url)
    await store.open()

    async with store.listen(CHANGED) as ear:
        job = await under_way(store)
        await hear(ear, lambda notice: job.id in notice.job_ids)
    await settle(store, end(job))
    await store.publish([new_message()])
    await fire_next(store)
    await store.stop_schedule("nightly")
    await store.prune(10)
    findings = await store.diagnose()

    assert [one.subject for one in findings if one.level is not Level.OK and one.subject != "durability"] == []
    await store.close()


async def test_user_of_the_page_sees_no_other_keys(url: str) -> None:
    store = RedisStore(f"{url}?prefix=other")

    with pytest.raises(StoreError, match="ACL SETUSER"):
        await store.open()

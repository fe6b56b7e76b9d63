"""Several processes on what binds jobs: no kill leaves a job waiting for nobody, and all hear one order of messages."""

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, Start
from tests.stores.sqlite.test_crash import assert_whole
from workmill.store import NoticeKind
from workmill.stores.sqlite import SqliteStore

BIND_FOR_EVER = """
    import asyncio, random, sys
    from workmill.stores.sqlite import SqliteStore
    from workmill.testing.conformance.after import OUTCOMES, follower
    from workmill.testing.conformance.making import end, hired, new_job, request
    from workmill.words.ties import Needs

    async def main():
        store = SqliteStore(sys.argv[1])
        await store.open()
        worker_id = await hired(store)
        while True:
            first, other = new_job(), new_job()
            middle = [follower(first, other, needs=needs) for needs in Needs]
            await store.enqueue([first, other, *middle, follower(*middle), follower(*middle, needs=Needs.END)])
            for job in await store.claim(request(worker_id, limit=5)):
                await store.settle([end(job, random.choice(OUTCOMES))])
            await store.cancel([first.id], None)
            print("turned", flush=True)

    asyncio.run(main())
"""
PUBLISH = """
    import asyncio, sys
    from workmill.stores.sqlite import SqliteStore
    from workmill.words.channel import NewMessage

    async def main():
        store = SqliteStore(sys.argv[1])
        await store.open()
        sys.stdin.readline()
        for number in range(20):
            await store.publish([NewMessage(id=f"{sys.argv[2]}-{number}", channel="news", data=b"1")])
        await store.close()

    asyncio.run(main())
"""
FINAL = "('succeeded', 'failed', 'cancelled')"
WAITING_WRONGLY = f"""
    SELECT count(*) FROM job LEFT JOIN waiting USING (seq)
    WHERE (job.state = 'waiting') <> (waiting.seq IS NOT NULL)
    OR waiting.missing <> (
        SELECT count(*) FROM tie JOIN job AS parent ON parent.seq = tie.parent
        WHERE tie.child = job.seq AND parent.state NOT IN {FINAL}
    )
    OR waiting.missing = 0
"""


@pytest.mark.slow
async def test_killed_processes_leave_nobody_waiting_for_what_has_ended(path: Path, start: Start) -> None:
    for turns in (1, 4, 9):
        writers = [start(BIND_FOR_EVER, path) for _ in range(2)]
        for writer in writers:
            assert [writer.stdout.readline() for _ in range(turns)] == ["turned\n"] * turns
        for writer in writers:
            writer.kill()
            writer.wait(DEADLINE_SECONDS)

        assert_whole(path)
        with closing(apsw.Connection(str(path))) as connection:
            assert connection.execute("SELECT count(*) FROM job WHERE state = 'waiting'").fetchone() != (0,)
            assert connection.execute(WAITING_WRONGLY).fetchone() == (0,)


@pytest.mark.slow
async def test_all_hear_the_messages_of_several_processes_once_in_one_order(path: Path, start: Start) -> None:
    stores = [SqliteStore(path) for _ in range(2)]
    for store in stores:
        await store.open()
    publishers = [start(PUBLISH, path, number) for number in range(3)]
    for publisher in publishers:
        publisher.stdin.write("\n")
        publisher.stdin.flush()

    heard = await asyncio.gather(*(hear(store, 60) for store in stores))

    assert heard[0] == heard[1]
    assert sorted(heard[0]) == sorted(f"{first}-{second}" for first in range(3) for second in range(20))
    for number in range(3):
        mine = [int(one.split("-")[1]) for one in heard[0] if one.startswith(f"{number}-")]
        assert mine == list(range(20))
    for store in stores:
        await store.close()


async def hear(store: SqliteStore, count: int) -> list[str]:
    """Go from cursor to cursor from the beginning, whenever a notice names the channel, until so many have come."""
    heard: list[str] = []
    cursor = "0"
    async with asyncio.timeout(DEADLINE_SECONDS), store.listen(frozenset({NoticeKind.PUBLISHED})) as ear:
        while len(heard) < count:
            new = await store.messages(["news"], cursor=cursor, limit=7)
            heard += [message.id for message in new.messages]
            cursor = new.cursor
            if not new.messages:
                notices = await ear.next(DEADLINE_SECONDS)
                assert {notice.channel for notice in notices} <= {"news", ""}
    return heard

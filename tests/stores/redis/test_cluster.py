"""A store in a cluster: it lives in one slot, and goes on where that slot goes, by itself and never in halves."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.cluster import CLUSTERED, port_below_bus, redis_cluster
from tests.servers.process import READY_SECONDS
from tests.servers.redis import RedisServer, chosen_program
from workmill.stores.redis import RedisStore, line
from workmill.testing.conformance.making import add, end, hired, new_job, request, stored, verdict
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable

DEADLINE_SECONDS = 60.0  # an election that fails is held again ten seconds later
META = "{workmill}:meta"


@pytest.fixture
def nodes() -> Iterator[tuple[RedisServer, ...]]:
    with redis_cluster(chosen_program()) as nodes:
        yield nodes


@pytest.fixture
async def store(nodes: tuple[RedisServer, ...]) -> AsyncIterator[RedisStore]:
    store = RedisStore(url_of(nodes))
    await store.open()
    yield store
    await store.close()


def url_of(nodes: Sequence[RedisServer]) -> str:
    """Return a URL that names all nodes."""
    return f"redis://{','.join(f'127.0.0.1:{node.port}' for node in nodes)}/0"


def holder_first(nodes: Sequence[RedisServer]) -> list[RedisServer]:
    """Return the nodes, first the one that holds our slot."""
    return sorted(nodes, key=lambda node: node.ask("CLUSTER", "COUNTKEYSINSLOT", slot_of(node)), reverse=True)


def slot_of(node: RedisServer) -> int:
    return int(node.ask("CLUSTER", "KEYSLOT", META))


def id_of(node: RedisServer) -> str:
    return bytes(node.ask("CLUSTER", "MYID")).decode()


@contextmanager
def slot_on_its_way(source: RedisServer, target: RedisServer) -> Iterator[list[bytes]]:
    """Let our slot be on its way while inside, with half of its keys there already; gives those that are still here."""
    slot = slot_of(source)
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", id_of(target))
    keys = sorted(source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000))
    move(source, target, keys[::2])
    yield keys[1::2]
    move(source, target, keys[1::2])
    for node in (target, source):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", id_of(target))


def move(source: RedisServer, target: RedisServer, keys: Sequence[bytes]) -> None:
    source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)


@pytest.mark.slow
async def test_store_lives_in_one_slot(store: RedisStore, nodes: tuple[RedisServer, ...]) -> None:
    worker = await hired(store)
    await store.enqueue([new_job(key=f"k{number}") for number in range(20)])
    (claimed,) = await store.claim(request(worker))
    await verdict(store, end(claimed))

    holder, *others = holder_first(nodes)

    assert holder.ask("CLUSTER", "COUNTKEYSINSLOT", slot_of(holder)) == holder.ask("DBSIZE") > 10
    assert [node.ask("DBSIZE") for node in others] == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("is_named", [True, False], ids=["holder is named", "another is named"])
async def test_any_node_leads_to_the_store_and_its_notices(
    store: RedisStore,
    nodes: tuple[RedisServer, ...],
    is_named: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    named = holder_first(nodes)[0 if is_named else -1]
    other = RedisStore(named.url())
    await other.open()
    async with other.listen(QUEUED) as ear:
        await hear(ear, queued_on("default"))

        job = await add(store, new_job(queue="new"))

        await hear(ear, queued_on("new"))
    assert await stored(other, job.id) == job
    await other.close()


@pytest.mark.slow
async def test_verb_waits_while_the_slot_is_on_its_way_and_finds_it_whole(
    store: RedisStore, nodes: tuple[RedisServer, ...]
) -> None:
    before = [await add(store, new_job()) for _ in range(5)]
    source, target, _ = holder_first(nodes)

    with slot_on_its_way(source, target):
        adding = asyncio.create_task(add(store, new_job()))
        done, _ = await asyncio.wait({adding}, timeout=0.3)
        assert not done
    after = await adding

    assert await store.get([job.id for job in (*before, after)]) == [*before, after]
    assert source.ask("DBSIZE") == 0
    assert [count.jobs for count in await store.counts()] == [6]


@pytest.mark.slow
async def test_nothing_is_done_by_halves_where_the_slot_stays_on_its_way(
    store: RedisStore, nodes: tuple[RedisServer, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE_SECONDS", 0.2)
    job = await add(store, new_job())
    source, target, _ = holder_first(nodes)
    there = source.ask("DBSIZE")

    with slot_on_its_way(source, target):
        with pytest.raises(StoreUnavailable, match="moves the keys"):
            await store.enqueue([new_job()])
        with pytest.raises(StoreUnavailable, match="moves the keys"):
            await RedisStore(target.url()).open()

    assert (target.ask("DBSIZE"), [count.jobs for count in await store.counts()]) == (there, [1])
    assert await stored(store, job.id) == job


@pytest.mark.slow
async def test_replica_takes_over_and_everything_goes_on(
    store: RedisStore, nodes: tuple[RedisServer, ...], tmp_path: Path
) -> None:
    job = await add(store, new_job())
    holder, *others = holder_first(nodes)
    replica = RedisServer(chosen_program(), tmp_path / "replica", settings=CLUSTERED, port=port_below_bus())
    replica.start()
    try:
        await asyncio.to_thread(follow, replica, holder, others)
        async with store.listen(QUEUED) as ear:
            await hear(ear, queued_on("default"))

            holder.kill()
            await until_stored(store, "after")

            await hear(ear, queued_on("after"))
        assert await stored(store, job.id) == job
        assert replica.ask("ROLE")[0] == b"master"
        assert [node.ask("DBSIZE") for node in others] == [0, 0]
    finally:
        replica.stop()


async def until_stored(store: RedisStore, queue: str) -> None:
    """Store a job, repeating what a caller would repeat."""
    job = new_job(queue=queue)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.enqueue([job])
            except StoreUnavailable:
                await asyncio.sleep(0.05)  # nothing tells when somebody has taken over
            else:
                return


def follow(replica: RedisServer, primary: RedisServer, others: Sequence[RedisServer]) -> None:
    """Let a server join the cluster as the replica of a node, and wait until all know that it has what that has."""
    ends_at = time.monotonic() + READY_SECONDS
    replica.ask("CLUSTER", "MEET", "127.0.0.1", primary.port)
    while id_of(primary).encode() not in replica.ask("CLUSTER", "NODES"):
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    replica.ask("CLUSTER", "REPLICATE", id_of(primary))
    # The others must know of it: they elect it.
    while replica.ask("ROLE")[3:4] != [b"connected"] or not all(knows_replica(node, replica) for node in others):
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def knows_replica(node: RedisServer, replica: RedisServer) -> bool:
    lines = bytes(node.ask("CLUSTER", "NODES")).decode().splitlines()
    return any(line.startswith(id_of(replica)) and " slave " in line for line in lines)

"""A storm from its first process to its dump."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from proof.histories.dump import Dump, save_dump, take_dump
from proof.histories.pen import Pen
from proof.storming.ground import ground
from proof.storming.nemesis import Nemesis
from proof.storming.processes import Processes
from proof.storming.settings import DUMP, HISTORY, LOGS, LOOP, Settings, save_settings
from workmill.running.elapsed import elapsed
from workmill.running.patience import until_done
from workmill.store import Store
from workmill.stores.opening import store_factory
from workmill.words.errors import StoreError
from workmill.words.events import Event

CALM_SECONDS = (0.5, 2.0)
"""The pause between two faults."""
WATCH_SECONDS = 0.3
DRAIN_SECONDS = 180.0
END_SECONDS = 40.0


async def storm(settings: Settings, folder: Path) -> None:
    """Let it rage, calm down, drain what there is, and dump the store."""
    for name in (HISTORY, LOGS):
        (folder / name).mkdir(parents=True)
    save_settings(settings, folder)
    async with ground(settings.store, folder, lease=settings.lease) as place:
        pen = Pen(folder / HISTORY, "nemesis")
        processes = Processes(settings, place.url, folder, pen)
        nemesis = Nemesis(
            ground=place,
            processes=processes,
            pen=pen,
            chance=random.Random(settings.seed),  # noqa: S311 - to be repeated, not a secret
            lease=settings.lease,
            stalls=settings.store == "sqlite",
            only=settings.only,
        )
        store = store_factory(place.own_url)()
        await store.open()
        try:
            processes.start()
            await _until_working(store, settings.workers)
            await _rage(settings, nemesis, processes)
            if settings.rules:
                await _go_round_and_stop(store, processes)
            await asyncio.to_thread(processes.end_producers, END_SECONDS)
            await _drain(store, processes)
            await asyncio.to_thread(processes.end_workers, END_SECONDS)
            dump = await _dumped(store)
            save_dump(replace(dump, flaws=tuple(place.flaws())), folder / DUMP)
        finally:
            nemesis.heal()
            processes.kill()
            await store.close()


async def _until_working(store: Store, workers: int) -> None:
    """Wait until every worker has its lease.

    Raises:
        TimeoutError: One has none for too long; its log says why.
    """
    async with asyncio.timeout(END_SECONDS):
        while len(await store.workers()) < workers:  # noqa: ASYNC110 - nothing tells when there is one
            await asyncio.sleep(WATCH_SECONDS)


async def _rage(settings: Settings, nemesis: Nemesis, processes: Processes) -> None:
    """Strike until the time is over, while workers that ended are started again."""
    watching = asyncio.create_task(_watch(processes))
    chance = random.Random(settings.seed + 1)  # noqa: S311 - likewise
    ends_at = elapsed() + settings.seconds
    try:
        while elapsed() < ends_at:
            await asyncio.sleep(chance.uniform(*CALM_SECONDS))
            await nemesis.strike()
    finally:
        nemesis.heal()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(processes: Processes) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        processes.restart_workers()


async def _go_round_and_stop(store: Store, processes: Processes) -> None:
    """Wait until the loop has gone round twice since the storm, and stop it.

    Raises:
        TimeoutError: It was forgotten.
    """
    rounds = set[str | None]()
    async with asyncio.timeout(DRAIN_SECONDS):
        while len(rounds) < 3:
            processes.restart_workers()
            with suppress(StoreError):
                rounds |= {one.last_job for one in await store.get_schedules([LOOP]) if one is not None}
            await asyncio.sleep(WATCH_SECONDS)
        await until_done("stop", lambda: store.stop_schedule(LOOP), emit=_ignore)


def _ignore(_event: Event) -> None:
    return


async def _drain(store: Store, processes: Processes) -> None:
    """Wait until all jobs are final, or for too long: then the check finds those that are not."""
    ends_at = elapsed() + DRAIN_SECONDS
    while elapsed() < ends_at:
        processes.restart_workers()
        with suppress(StoreError):
            if all(count.state.is_final for count in await store.counts()):
                return
        await asyncio.sleep(WATCH_SECONDS)


async def _dumped(store: Store) -> Dump:
    """Read everything; a connection that a fault broke is noticed only by using it."""
    with suppress(StoreError):
        return await take_dump(store)
    return await take_dump(store)

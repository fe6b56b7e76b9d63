"""One client of a storm: stores, cancels and reads jobs until it is told to end, and writes down what it was told."""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from proof.histories.calling import Caller
from proof.histories.pen import Pen
from proof.storming import ruling, tasks
from proof.storming.settings import FOLDER_VARIABLE
from workmill.running.patience import until_done
from workmill.words.events import Event
from workmill.words.job import NewJob

KEPT_IDS = 400
MOST_ENDLESS = 4
TRIES = 4
PAUSE_SECONDS = 0.3
TIMEOUT_SECONDS = 60.0


Make: TypeAlias = Callable[[int, random.Random], NewJob]
KINDS: dict[str, tuple[Make, float]] = {
    "quick": (lambda number, _: tasks.quick.job(number), 46),
    "slow": (lambda number, chance: tasks.slow.job(number, chance.uniform(0.1, 2.5)), 14),
    "threaded": (lambda number, chance: tasks.threaded.job(number, chance.uniform(0.05, 1.5)), 12),
    "stubborn": (lambda number, chance: tasks.stubborn.job(number, chance.uniform(0.05, 0.4)), 4),
    "failing": (lambda number, chance: tasks.failing.job(number, chance.randint(1, 4)), 12),
    "snoozing": (lambda number, _: tasks.snoozing.job(number), 4),
    "delayed": (lambda number, chance: tasks.quick.using(delay=chance.uniform(0.1, 3)).job(number), 8),
    "deadly": (lambda number, _: tasks.deadly.job(number), 0.15),
    "isolated": (lambda number, chance: tasks.isolated.job(number, chance.uniform(0.02, 0.5)), 4),
    "isolated, deadly": (lambda number, _: tasks.isolated_deadly.job(number), 0.3),
}
"""How to make a job of each kind, and how many there are of it beside the others."""
CHAIN = ruling.Chain()
RULED: dict[str, tuple[Make, float]] = {
    "bounded": (
        lambda number, chance: ruling.bounded.job(number, ruling.tenant(chance, ruling.KEYS), chance.uniform(0, 0.4)),
        60,
    ),
    "paced": (lambda number, chance: ruling.paced.job(number, ruling.tenant(chance, ruling.PACED_KEYS)), 20),
    "narrow": (lambda number, chance: ruling.narrow.job(number, chance.uniform(0, 0.1)), 10),
    "single": (lambda number, chance: ruling.single.job(number, chance.uniform(0, 1)), 5),
    "link": (CHAIN.next, 15),
}
"""The same of jobs that rules hold for."""


DEADLY = {"deadly", "isolated, deadly"}


class Producer:
    """What one client does, by chance."""

    def __init__(self, caller: Caller, chance: random.Random, *, kinds: dict[str, tuple[Make, float]]) -> None:
        self._caller = caller
        self._chance = chance
        self._kinds = kinds
        self._number = 0
        self._ids: deque[str] = deque(maxlen=KEPT_IDS)
        self._endless: deque[str] = deque()

    async def act(self) -> None:
        """Do one thing."""
        what = self._chance.random()
        if what < 0.62 or not self._ids:
            await self._enqueue([self._job()])
        elif what < 0.70:
            await self._enqueue([self._job() for _ in range(self._chance.randint(2, 10))])
        elif what < 0.75:
            await self._enqueue_twice()
        elif what < 0.85:
            await self._caller.cancel(self._chance.choice(self._ids))
        elif what < 0.865:
            await self._go_on_or_end()
        else:
            await self._caller.read(self._chance.choice(self._ids))

    async def end(self) -> None:
        """Cancel what would go on for ever."""
        while self._endless:
            await self._caller.cancel(self._endless.popleft())

    async def _go_on_or_end(self) -> None:
        """Start what goes on until it is cancelled, or cancel the oldest of that."""
        if len(self._endless) > self._chance.randint(0, MOST_ENDLESS):
            await self._caller.cancel(self._endless.popleft())
            return
        self._number += 1
        task = self._chance.choice((tasks.endless, tasks.endless_in_thread))
        self._endless += [job.id for job in await self._caller.enqueue([task.job(self._number)])]

    async def _enqueue(self, jobs: list[NewJob]) -> None:
        self._ids += [job.id for job in await self._caller.enqueue(jobs)]

    async def _enqueue_twice(self) -> None:
        """Store one call under one key, from two places at a time."""
        self._number += 1
        keyed = tasks.quick.using(key=f"{os.getpid()}-{self._number}")
        await asyncio.gather(*(self._enqueue([keyed.job(self._number)]) for _ in range(2)))

    def _job(self) -> NewJob:
        self._number += 1
        weights = [weight for _, weight in self._kinds.values()]
        make, _ = self._kinds[self._chance.choices(list(self._kinds), weights)[0]]
        return make(self._number, self._chance)


async def produce(folder: Path, seed: int, rate: float, *, is_gentle: bool, has_rules: bool) -> None:
    """Act until TERM; a gentle one makes no job that kills the process it runs in."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    known = KINDS | RULED if has_rules else KINDS
    kinds = {kind: made for kind, made in known.items() if not (is_gentle and kind in DEADLY)}
    store = tasks.app.program.open_store()
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not a secret
    producer = Producer(Caller(store, Pen(folder, "producer"), pause=PAUSE_SECONDS, tries=TRIES), chance, kinds=kinds)
    await until_done("open", store.open, emit=_ignore)
    while not over.is_set():
        await producer.act()
        await asyncio.sleep(chance.expovariate(rate))
    await producer.end()
    await asyncio.wait_for(store.close(), TIMEOUT_SECONDS)


def _ignore(_event: Event) -> None:
    return


def main() -> int:
    """Be a client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--gentle", action="store_true")
    parser.add_argument("--rules", action="store_true")
    chosen = parser.parse_args()
    folder = Path(os.environ[FOLDER_VARIABLE])
    asyncio.run(produce(folder, chosen.seed, chosen.rate, is_gentle=chosen.gentle, has_rules=chosen.rules))
    return 0


if __name__ == "__main__":
    sys.exit(main())

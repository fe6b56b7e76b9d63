"""One client of a storm: stores, cancels and reads jobs until it is told to end, and writes down what it was told."""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections import deque
from pathlib import Path

from proof.histories.calling import Caller
from proof.histories.pen import Pen
from proof.storming import tasks
from proof.storming.settings import FOLDER_VARIABLE
from workmill.running.patience import until_done
from workmill.words.events import Event
from workmill.words.job import NewJob

KEPT_IDS = 400
TRIES = 4
PAUSE_SECONDS = 0.3
TIMEOUT_SECONDS = 60.0


class Producer:
    """What one client does, by chance."""

    def __init__(self, caller: Caller, chance: random.Random) -> None:
        self._caller = caller
        self._chance = chance
        self._number = 0
        self._ids: deque[str] = deque(maxlen=KEPT_IDS)

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
        else:
            await self._caller.read(self._chance.choice(self._ids))

    async def _enqueue(self, jobs: list[NewJob]) -> None:
        self._ids += [job.id for job in await self._caller.enqueue(jobs)]

    async def _enqueue_twice(self) -> None:
        """Store one call under one key, from two places at a time."""
        self._number += 1
        keyed = tasks.quick.using(key=f"{os.getpid()}-{self._number}")
        await asyncio.gather(*(self._enqueue([keyed.job(self._number)]) for _ in range(2)))

    def _job(self) -> NewJob:
        self._number += 1
        number, chance = self._number, self._chance
        kinds = ("quick", "slow", "threaded", "stubborn", "failing", "snoozing", "delayed", "deadly")
        match chance.choices(kinds, (46, 14, 12, 4, 12, 4, 8, 0.15))[0]:
            case "slow":
                return tasks.slow.job(number, chance.uniform(0.1, 2.5))
            case "threaded":
                return tasks.threaded.job(number, chance.uniform(0.05, 1.5))
            case "stubborn":
                return tasks.stubborn.job(number, chance.uniform(0.05, 0.4))
            case "failing":
                return tasks.failing.job(number, chance.randint(1, 4))
            case "snoozing":
                return tasks.snoozing.job(number)
            case "delayed":
                return tasks.quick.using(delay=chance.uniform(0.1, 3)).job(number)
            case "deadly":
                return tasks.deadly.job(number)
            case _:
                return tasks.quick.job(number)


async def produce(folder: Path, seed: int, rate: float) -> None:
    """Act until TERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    store = tasks.app.program.open_store()
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not a secret
    producer = Producer(Caller(store, Pen(folder, "producer"), pause=PAUSE_SECONDS, tries=TRIES), chance)
    await until_done("open", store.open, emit=_ignore)
    while not over.is_set():
        await producer.act()
        await asyncio.sleep(chance.expovariate(rate))
    await asyncio.wait_for(store.close(), TIMEOUT_SECONDS)


def _ignore(_event: Event) -> None:
    return


def main() -> int:
    """Be a client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    chosen = parser.parse_args()
    asyncio.run(produce(Path(os.environ[FOLDER_VARIABLE]), chosen.seed, chosen.rate))
    return 0


if __name__ == "__main__":
    sys.exit(main())

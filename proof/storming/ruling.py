"""The tasks of a storm over work with rules: keys with limits and rates, one at a time, chains, a loop that goes on."""

import asyncio
import random
from dataclasses import replace

from proof.histories.noting import present_job
from proof.storming.settings import LOOP
from proof.storming.tasks import RETRY, app, beat
from workmill import Limit, Loop, Rate, Unique
from workmill.words.job import NewJob
from workmill.words.ties import Needs, Ties

LOOP_PAUSE_SECONDS = 1.0
LONGEST_ROUND_SECONDS = 2.0
KEYS = 1000
PACED_KEYS = 20
LONGEST_CHAIN = 6


@app.task(retry=RETRY, limit=Limit(2, key="{tenant}", name="tenants"))
async def bounded(number: int, tenant: str, seconds: float) -> str:
    """Sleep, with one other of its tenant at most."""
    assert tenant
    beat()
    await asyncio.sleep(seconds)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY, limit=Limit(rate=Rate(3, per=1), key="{tenant}", name="paces"))
async def paced(number: int, tenant: str) -> str:
    """End at once, three of a tenant a second."""
    assert tenant
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY, limit=Limit(3))
async def narrow(number: int, seconds: float) -> str:
    """Sleep, with two others at most."""
    await asyncio.sleep(seconds)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY, unique=Unique(by=()))
async def single(number: int, seconds: float) -> str:
    """Sleep, as the only one there is."""
    await asyncio.sleep(seconds)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
async def around() -> str:
    """Go once round, for a time that nobody knows."""
    beat()
    await asyncio.sleep(random.uniform(0, LONGEST_ROUND_SECONDS))  # noqa: S311 - a length of time, no secret
    return f"round:{present_job().token}"


app.schedule(LOOP, around.job(), Loop(LOOP_PAUSE_SECONDS))


class Chain:
    """Makes jobs each of which follows the one made before it, until that is long enough."""

    def __init__(self) -> None:
        self._last = ""
        self._length = 0

    def next(self, number: int, chance: random.Random) -> NewJob:
        """Make the next link."""
        needs = chance.choice(list(Needs))
        self._length = (self._length + 1) % LONGEST_CHAIN
        task = narrow.using(after=self._last, needs=needs) if self._last and self._length else narrow
        new = task.job(number, chance.uniform(0, 0.1))
        self._last = new.id
        return new if new.after is None else replace(new, ties=replace(new.ties or Ties(), needs=needs))


def tenant(chance: random.Random, keys: int) -> str:
    """Name one of so many tenants, a few of them far more often than others."""
    return f"t{int(keys * chance.random() ** 4)}"

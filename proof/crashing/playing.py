"""One run: a scenario up to its crash point, recovery by others, and the check of all that was said."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from proof.checking.faulting import Faults
from proof.checking.verdict import check
from proof.checking.violation import Violation
from proof.crashing.databases import Database
from proof.crashing.faults import Plan, Point
from proof.crashing.promises import PROMISES
from proof.crashing.ruled import RULED, gone_on
from proof.crashing.scenarios import SCENARIOS, Play, prune, prune_off, worked_off
from proof.crashing.stage import Stage, Stuck
from proof.histories.dump import Dump, take_dump
from proof.histories.entry import Op, Phase
from proof.histories.history import History, read_history
from proof.histories.pen import Pen

RECOVERIES: dict[str, Play] = {prune.__name__: prune_off, **{play.__name__: gone_on for play in RULED}}
"""How others end what a scenario began, where to work it off is not all."""
ACT_SECONDS = 20.0
"""How long a scenario may take, in true time."""
KILLED = "killed"
"""The file that a process leaves which is killed at its crash point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one run."""

    scenario: str
    point: Point | None
    was_reached: bool
    violations: tuple[Violation, ...]
    calls: Counter[str] = field(default_factory=Counter)


class InProcess:
    """A process that dies by doing nothing any more."""

    def __init__(self) -> None:
        self.died = asyncio.Event()

    @property
    def is_dead(self) -> bool:
        """Whether it has died."""
        return self.died.is_set()

    def die(self) -> None:
        """Die."""
        self.died.set()


class Mortal:
    """This very process, which dies for good, and leaves a file that says so."""

    is_dead = False

    def __init__(self, note: Path) -> None:
        self._note = note

    def die(self) -> None:
        """Be killed."""
        self._note.touch()
        os.kill(os.getpid(), signal.SIGKILL)


async def play(scenario: str, database: Database, point: Point | None, folder: Path) -> Played:
    """Play a scenario with one thing going wrong, recover, and check."""
    fate, plan = InProcess(), Plan(point)
    async with Stage(database, plan, fate, folder, "act") as stage:
        found = await _act(scenario, stage, fate)
    return await recover(scenario, database, plan, folder, found)


async def recover(
    scenario: str, database: Database, plan: Plan, folder: Path, found: list[Violation], *, was_reached: bool = False
) -> Played:
    """Have others end what a scenario began, and check the whole."""
    point = plan.point
    reached = was_reached or plan.was_reached
    _note_deaths(folder, is_dead=point is not None and point.mode.kills and reached)
    async with Stage(database, Plan(), InProcess(), folder, "recovery") as stage:
        try:
            async with asyncio.timeout(ACT_SECONDS):
                await _call_again(stage, read_history(folder))
                await stage.pass_by(20)
                await RECOVERIES.get(scenario, worked_off)(stage)
        except (Stuck, TimeoutError):
            found = [*found, _stuck("after recovery")]
        dump = await take_dump(stage.clean)
    dump = replace(dump, flaws=tuple(database.flaws()))
    history = read_history(folder)
    violations = (*found, *check(history, dump, Faults(history, tail=0.0)), *_whole(scenario, dump))
    return Played(scenario=scenario, point=point, was_reached=reached, violations=violations, calls=plan.calls)


async def act_and_die(scenario: str, database: Database, point: Point, folder: Path) -> None:
    """Play a scenario in this process, which is killed at the point; returning means that it was not reached."""
    async with Stage(database, Plan(point), Mortal(folder / KILLED), folder, "act") as stage:
        await SCENARIOS[scenario](stage)


async def _act(scenario: str, stage: Stage, fate: InProcess) -> list[Violation]:
    """Play it until it ends, or its process dies."""
    playing = asyncio.create_task(_played(scenario, stage))
    dying = asyncio.create_task(fate.died.wait())
    try:
        await asyncio.wait({playing, dying}, timeout=ACT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            return playing.result()
        return [] if fate.is_dead else [_stuck("it waits for ever")]
    finally:
        stage.pen.is_dry = True
        for task in (playing, dying):
            task.cancel()
        await asyncio.wait({playing, dying}, timeout=ACT_SECONDS)


async def _played(scenario: str, stage: Stage) -> list[Violation]:
    try:
        await SCENARIOS[scenario](stage)
    except Stuck:
        return [_stuck("a live worker does not end it")]
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing may end a worker or a client for good
        return [Violation(invariant="G11 no manual step", job="", text=f"it ended with {error!r}")]
    return []


def _stuck(text: str) -> Violation:
    return Violation(invariant="G2 no loss", job="", text=f"a job does not end: {text}")


def _note_deaths(folder: Path, *, is_dead: bool) -> None:
    """Write down that all workers of the first act are dead."""
    if is_dead:
        pen = Pen(folder, "nemesis")
        for entry in read_history(folder).of(Op.WORKER):
            pen.write(Op.FAULT, kind="kill", scope=entry.worker)
        pen.close()


async def _call_again(stage: Stage, history: History) -> None:
    """Repeat by its key what a caller never had an answer to."""
    answered = {entry.key for entry in history.of(Op.ENQUEUE) if entry.phase is Phase.OK}
    for entry in history.of(Op.ENQUEUE):
        if entry.key and entry.phase is Phase.INTENT and entry.key not in answered:
            await stage.enqueue(stage.job("quick", 1, key=entry.key))
            return


def _whole(scenario: str, dump: Dump) -> list[Violation]:
    """Check what only one scenario promises."""
    if scenario == prune.__name__ and len(dump.jobs) > 1:
        text = f"{len(dump.jobs)} jobs are there after the keep time of all but one"
        return [Violation(invariant="I1 keep time", job="", text=text)]
    return list(PROMISES[scenario](dump)) if scenario in PROMISES else []

"""A scenario in a process of its own, which is really killed at its crash point, and recovery by this one."""

import asyncio
import multiprocessing
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from proof.checking.violation import Violation
from proof.crashing.databases import Database
from proof.crashing.faults import Plan, Point
from proof.crashing.playing import ACT_SECONDS, KILLED, Played, act_and_die, recover
from proof.crashing.timing import hurried


def play_and_kill(scenario: str, database: Database, point: Point, folder: Path) -> Played:
    """Play a scenario in a child that is killed at the point, recover here, and check."""
    child = _context().Process(target=_act, args=(scenario, database, point, folder))
    child.start()
    child.join(ACT_SECONDS)
    found: list[Violation] = []
    if child.exitcode is None:
        child.kill()
        child.join(ACT_SECONDS)
        found.append(Violation(invariant="G2 no loss", job="", text="a job does not end: it waits for ever"))
        return asyncio.run(recover(scenario, database, Plan(point), folder, found))
    # Who starts the children for us loses the status of one now and then (multiprocessing says 255): the child's own
    # word counts.
    was_killed = (folder / KILLED).exists()
    if not was_killed and child.exitcode != 0:
        text = f"the process of the scenario ended with {child.exitcode}"
        found.append(Violation(invariant="G11 no manual step", job="", text=text))
    return asyncio.run(recover(scenario, database, Plan(point), folder, found, was_reached=was_killed))


def _act(scenario: str, database: Database, point: Point, folder: Path) -> None:
    with hurried():
        asyncio.run(act_and_die(scenario, database, point, folder))


@cache
def _context() -> ForkServerContext:
    """Return what forks children off a process that has loaded all of this and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["proof.crashing.killing"])
    return context

"""Plant one bug at a time and see whether the crash points find it."""

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from proof.checking.violation import Violation
from proof.crashing.databases import MemoryRoom, Room
from proof.crashing.enumerating import AT_A_TIME, play_once, points_of
from proof.crashing.faults import Mode
from proof.crashing.playing import Played
from proof.crashing.scenarios import SCENARIOS
from proof.crashing.timing import hurried
from proof.planted import rooms, rules, works
from proof.planted.blocking import play_blocking
from proof.planted.rooms import Bug

BUGS: tuple[Bug, ...] = (
    rooms.settle_without_token,
    rooms.report_without_token,
    rooms.final_overwritten,
    rooms.cancel_forgotten,
    rooms.cancelled_job_stays_in_line,
    rooms.promoted_twice,
    rooms.key_checked_then_stored,
    rooms.live_jobs_pruned,
    rooms.counts_drift,
    works.rescue_without_token,
    works.rescue_by_the_workers_clock,
    works.settle_before_run,
    works.lost_claim_not_adopted,
    works.ends_dropped_when_the_store_fails,
    works.death_not_counted,
    works.give_back_counted,
    works.heartbeat_in_the_engines_loop,
    rules.unique_checked_then_stored,
    rules.one_too_many_begins,
    rules.slot_of_a_dead_attempt_leaks,
    rules.rate_in_fixed_windows,
    rules.tick_fired_twice,
    rules.loop_forgotten,
    rules.waiting_parent_not_waited_for,
    rules.last_parent_lost,
)
MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """Where a bug showed, and the first thing that was found."""

    where: str
    violation: Violation


def catch(bug: Bug, room: Room | None = None) -> Catch | None:
    """Plant a bug and play in a room, in memory unless told otherwise, until one finds it; None when none does."""
    with bug():
        if bug is works.heartbeat_in_the_engines_loop:
            return _caught_blocking()
        with hurried():
            return next(_catches(room or MemoryRoom()), None)


def _catches(room: Room) -> Iterator[Catch]:
    """Play every scenario undisturbed, then at its crash points."""
    calm = []
    for scenario in SCENARIOS:
        played = play_once(room, scenario, None, is_real=False)
        calm.append(played)
        if played.violations:
            yield _catch(played)
    for played in calm:
        points = list(points_of(played.calls, most=MOST, modes=tuple(Mode)))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            runs = pool.map(lambda point: play_once(room, played.scenario, point, is_real=False), points)  # noqa: B023
            found = [run for run in runs if run.violations]
        yield from (_catch(run) for run in found)


def _catch(played: Played) -> Catch:
    where = played.scenario if played.point is None else f"{played.scenario}, {played.point}"
    return Catch(where=where, violation=played.violations[0])


def _caught_blocking() -> Catch | None:
    with tempfile.TemporaryDirectory(prefix="workmill-proof-") as folder:
        found = asyncio.run(play_blocking(Path(folder)))
    return Catch(where="a job blocks the loop", violation=found[0]) if found else None

"""Every crash point of every scenario: count the calls once, then let each of them go wrong in each way."""

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from proof.crashing.databases import Room
from proof.crashing.faults import Mode, Point
from proof.crashing.killing import play_and_kill
from proof.crashing.playing import Played, play

AT_A_TIME = 4
"""How many runs wait for their pauses at the same time."""
NEVER_UNANSWERED = {"listen", "next"}
"""What has no effect whose answer could be lost."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of one scenario in one room."""

    scenario: str
    calls: int = 0
    points: Counter[Mode] = field(default_factory=Counter)
    not_reached: int = 0
    failed: list[Played] = field(default_factory=list)


def enumerate_points(
    room: Room, scenario: str, *, most: int, modes: Sequence[Mode] = tuple(Mode), is_real: bool = True
) -> Tally:
    """Play a scenario undisturbed, and then once for each of its calls and each mode; call it inside `hurried`.

    Args:
        room: Where.
        scenario: Its name.
        modes: What goes wrong.
        most: How many calls of each verb are tried; workers poll, so that there is no end of some.
        is_real: Whether a process is killed where the room allows it; else dying is doing nothing any more.
    """
    calm = play_once(room, scenario, None, is_real=is_real)
    tally = Tally(scenario=scenario, calls=calm.calls.total())
    if calm.violations:
        tally.failed.append(calm)
    points = list(points_of(calm.calls, most=most, modes=modes))
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        runs = list(pool.map(lambda point: play_once(room, scenario, point, is_real=is_real), points))
    tally.points = Counter(point.mode for point in points)
    tally.not_reached = sum(not played.was_reached for played in runs)
    tally.failed += [played for played in runs if played.violations]
    return tally


def points_of(calls: Counter[str], *, most: int, modes: Sequence[Mode]) -> Iterator[Point]:
    """Give the points of a run that made these calls."""
    tried = ((verb, number) for verb, count in calls.items() for number in range(1, min(count, most) + 1))
    for (verb, number), mode in itertools.product(tried, modes):
        if mode is Mode.REFUSED or verb not in NEVER_UNANSWERED:
            yield Point(verb=verb, number=number, mode=mode)


def play_once(room: Room, scenario: str, point: Point | None, *, is_real: bool) -> Played:
    """Play a scenario on a database of its own."""
    with room.database() as database, tempfile.TemporaryDirectory(prefix="workmill-proof-") as folder:
        if point is not None and point.mode.kills and is_real and room.crosses_processes:
            return play_and_kill(scenario, database, point, Path(folder))
        return asyncio.run(play(scenario, database, point, Path(folder)))

"""Let every call of the store go wrong, one after another, and check that nothing is lost, doubled or stale.

    ./run proof crashpoints [--store memory|sqlite|postgres|redis|all] [--scenario NAME ...] [--most 6]

Each scenario is played once to count its calls. Then, for each call: it fails before it does anything; it takes effect
and its answer is lost; the process dies before it; the process dies after it. Where the store crosses processes, a real
process is killed. Others recover, and the history that clients and jobs wrote down is checked against the store.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from proof.crashing.databases import MemoryRoom, PostgresRoom, RedisRoom, Room, SqliteRoom
from proof.crashing.enumerating import Tally, enumerate_points
from proof.crashing.faults import Mode
from proof.crashing.scenarios import SCENARIOS
from proof.crashing.timing import hurried
from tests.servers.postgres import chosen_server
from tests.servers.redis import chosen_redis

STORES = ("memory", "sqlite", "postgres", "redis")


def main() -> int:
    """Try the points and show a table; answer 1 when an invariant is broken."""
    parser = argparse.ArgumentParser(prog="./run proof crashpoints", description=__doc__)
    parser.add_argument("--store", choices=[*STORES, "all"], default="all")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--most", type=int, default=6, help="how many calls of each verb are tried")
    chosen = parser.parse_args()
    logging.disable()
    broken = 0
    with hurried(), ExitStack() as stack:
        for room in rooms(STORES if chosen.store == "all" else (chosen.store,), stack):
            tallies = [tried(room, name, chosen.most) for name in chosen.scenario or SCENARIOS]
            broken += sum(len(tally.failed) for tally in tallies)
            points, missed = sum(tally.points.total() for tally in tallies), sum(each.not_reached for each in tallies)
            print(f"{room.name}: {points} crash points, {missed} not reached, {broken} broken\n")
    return 1 if broken else 0


def rooms(names: tuple[str, ...], stack: ExitStack) -> Iterator[Room]:
    """Make each room when its turn comes."""
    for name in names:
        match name:
            case "memory":
                yield MemoryRoom()
            case "sqlite":
                yield SqliteRoom()
            case "postgres":
                yield PostgresRoom(stack.enter_context(chosen_server()))
            case _:
                yield RedisRoom(stack.enter_context(chosen_redis()))


def tried(room: Room, scenario: str, most: int) -> Tally:
    """Try one scenario and show its line."""
    began = time.monotonic()
    tally = enumerate_points(room, scenario, most=most)
    counts = "  ".join(f"{mode} {tally.points[mode]:3}" for mode in Mode)
    seconds = time.monotonic() - began
    print(
        f"{room.name:8}  {scenario:17} calls {tally.calls:3}  {counts}  not reached {tally.not_reached:2}  "
        f"broken {len(tally.failed)}  {seconds:5.1f} s",
        flush=True,
    )
    for played in tally.failed:
        for violation in played.violations:
            print(f"    {played.point or 'undisturbed'}: {violation}", flush=True)
    return tally


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Threads of rooms that died in play are still about.

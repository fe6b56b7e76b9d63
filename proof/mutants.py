"""Plant bugs, each of which has been in somebody's queue, and see whether the crash points find every one of them.

The command is `./run proof mutants [--store memory|redis] [NAME ...]`. On Redis the bugs are those of its scripts.
"""

import argparse
import logging
import os
import sys
import time
from contextlib import ExitStack

from proof.crashing.databases import MemoryRoom, RedisRoom, Room
from proof.planted import scripts
from proof.planted.catching import BUGS, catch
from proof.planted.rooms import Bug
from tests.servers.redis import chosen_redis


def main() -> int:
    """Plant them one by one and show what found each; answer 1 when one was not found."""
    names = {bug.__name__ for bug in (*BUGS, *scripts.BUGS)}
    parser = argparse.ArgumentParser(prog="./run proof mutants", description=__doc__)
    parser.add_argument("--store", choices=["memory", "redis"], default="memory")
    parser.add_argument("bug", nargs="*", choices=[[], *sorted(names)])
    wanted = parser.parse_args()
    logging.disable()
    with ExitStack() as stack:
        bugs: tuple[Bug, ...] = BUGS
        room: Room = MemoryRoom()
        if wanted.store == "redis":
            bugs, room = scripts.BUGS, RedisRoom(stack.enter_context(chosen_redis()))
        chosen = [bug for bug in bugs if not wanted.bug or bug.__name__ in wanted.bug]
        caught = sum(is_caught(bug, room) for bug in chosen)
    print(f"{caught}/{len(chosen)} caught; the points are enumerated, so there is no seed")
    return 0 if caught == len(chosen) else 1


def is_caught(bug: Bug, room: Room) -> bool:
    """Plant one, show what found it, and say whether anything did."""
    began = time.monotonic()
    found = catch(bug, room)
    said = "NOT CAUGHT" if found is None else f"{found.violation.invariant} in {found.where}"
    print(f"{bug.__name__:36} {time.monotonic() - began:5.1f} s  {said}", flush=True)
    return found is not None


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Threads of workers that died in play are still about.

"""Bring a Redis server down while jobs are stored, and count which of those that it had accepted are gone.

    ./run proof loss [--fsync always|everysec ...] [--blow kill|power ...] [--rounds 3] [--seconds 3] [--clients 8]

A *kill* ends the server's process with SIGKILL. What it had written stays with the system, so this loses what the
server had confirmed before it wrote it, which Redis does only while its disk is late. A *power* cut ends the machine,
too: after such a kill the server's log is shortened to what it had when its last sync began, which strace tells where
it is installed and allowed. WORKMILL_TEST_REDIS names the server's program.
"""

import argparse
import asyncio
import logging
import sys

from proof.losing.outage import Blow, Outage, killed, powerless
from proof.losing.syncing import can_watch
from tests.servers.redis import chosen_program

FSYNCS = ("always", "everysec")
OUTAGES = {Blow.KILL: killed, Blow.POWER: powerless}


def main() -> int:
    """Strike, count and show; answer 1 where a job is lost that must not be, or a loss is not told."""
    parser = argparse.ArgumentParser(prog="./run proof loss", description=__doc__)
    parser.add_argument("--fsync", action="append", choices=FSYNCS)
    parser.add_argument("--blow", action="append", type=Blow, choices=list(Blow))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=8)
    chosen = parser.parse_args()
    logging.disable()
    program = chosen_program()
    print(f"{program.name}, {chosen.clients} clients that store one job at a time")
    failed = 0
    for fsync in chosen.fsync or FSYNCS:
        for blow in chosen.blow or Blow:
            if blow is Blow.POWER and not can_watch():
                print("power: left out, as strace is not there or may not watch")
                continue
            for _ in range(chosen.rounds):
                found = asyncio.run(OUTAGES[blow](program, fsync, seconds=chosen.seconds, clients=chosen.clients))
                failed += is_broken(fsync, found)
                print(line(fsync, blow, found), flush=True)
    print(f"{failed} broken")
    return 1 if failed else 0


def is_broken(fsync: str, found: Outage) -> bool:
    """Say whether something came out as it must not."""
    return bool(found.lost) and (fsync == "always" or not found.is_told)


def line(fsync: str, blow: Blow, found: Outage) -> str:
    """Say what came of one outage."""
    told = ", which the store tells" if found.is_told else ""
    said = f"{fsync:8}  {blow:5}  {found.accepted:6} accepted  {found.lost:5} lost{told}"
    if found.lost:
        said += f"; accepted up to {found.seconds:.3f} s before"
    return said + ("" if found.longest is None else f"; on the disk within {found.longest:.3f} s")


if __name__ == "__main__":
    sys.exit(main())

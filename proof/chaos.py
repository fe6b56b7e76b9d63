"""Let real workers and clients live through real faults, then check what everybody wrote down.

    ./run proof chaos [--store sqlite|postgres|redis] [--seconds 60] [--seed N] [--out DIR] [--workers 3]
                      [--rate 30] [--fault KIND ...] [--rules]

With --rules there are jobs with limits and rates of a thousand keys among them, unique ones, chains, and a loop.
Workers, engines and isolated children are killed, frozen beyond the lease and ended in order; the server is killed and
started again, and frozen, connections are cut and frozen (postgres, redis); the disk fills up (sqlite, where we may
mount one). Redis or Valkey, whichever WORKMILL_TEST_REDIS names, syncs each write to its disk before it answers.
Histories are kept in DIR, and `./run proof check DIR` checks them again.
"""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from proof.storming.ground import ON_FILE, ON_SERVER, become_own_mounts
from proof.storming.nemesis import ON_WORKERS
from proof.storming.report import show
from proof.storming.settings import Settings
from proof.storming.storm import storm

FAULTS = (*ON_WORKERS, *ON_FILE, *ON_SERVER)


def main() -> int:
    """Storm, check, show; answer 1 when an invariant is broken."""
    parser = argparse.ArgumentParser(prog="./run proof chaos", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres", "redis"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path, help="a folder that is not there yet")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--fault", action="append", default=[], choices=FAULTS, help="deal no other")
    parser.add_argument("--rate", type=float, default=30.0, help="jobs a second of each of the two producers")
    parser.add_argument("--rules", action="store_true", help="with rules over work, and a loop")
    chosen = parser.parse_args()
    if chosen.store == "sqlite":
        become_own_mounts([sys.executable, "-m", "proof.chaos", *sys.argv[1:]])
    logging.basicConfig(level=logging.ERROR)
    seed = secrets.randbelow(1_000_000) if chosen.seed is None else chosen.seed
    folder = chosen.out or Path(tempfile.mkdtemp(prefix="workmill-chaos-"))
    settings = Settings(
        store=chosen.store,
        seconds=chosen.seconds,
        seed=seed,
        workers=chosen.workers,
        rate=chosen.rate,
        only=tuple(chosen.fault),
        rules=chosen.rules,
    )
    asyncio.run(storm(settings, folder.absolute()))
    return show(folder)


if __name__ == "__main__":
    sys.exit(main())

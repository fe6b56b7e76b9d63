"""Measure the PostgreSQL store end to end, beside the raw statements of the same row shape in the same run.

    ./run bench postgres [--jobs 20000] [--concurrency 200] [--server 15]
    ./run bench postgres --flat [--queued 1000000] [--finished 10000000] [--scheduled 500000] [--pinned 500000]

A server of the bench's own is started, with the settings that it comes with: every commit waits for the disk. What is
compared is what a machine's noise leaves alone: ratios within one run. The raw side writes the same rows with the same
durability in one process and no worker; it is a ceiling, not a rival. `--flat` measures claims alone, with ever more
jobs around them.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench._end_to_end import CACHE, Aims, measure, worker
from bench._flat_postgres import run_flat
from bench._raw_postgres import RawQueue
from bench._report import Measure, show
from tests.servers.postgres import CHOICE, chosen_server

AIMS = Aims(drain=">= 25,000, 0.5", pickup="<= 1.2", bulk=">= 60,000", single="0.9")
IDLE_SECONDS = 30.0
LOADS = {"queued": 1_000_000, "finished": 10_000_000, "scheduled": 500_000, "pinned": 500_000}


def main() -> None:
    """Run all measures on a server of their own and show them."""
    parser = argparse.ArgumentParser(prog="./run bench postgres", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--server", default="", help="the version to start, or the URL of one that may be filled")
    parser.add_argument("--flat", action="store_true")
    for what, count in LOADS.items():
        parser.add_argument(f"--{what}", type=int, default=count)
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ[CHOICE] = chosen.server
    tempfile.tempdir = str(CACHE)  # the server's folder, too, must lie on a disk
    with tempfile.TemporaryDirectory() as folder, chosen_server() as url:
        if chosen.flat:
            run_flat(url, CACHE, **{what: getattr(chosen, what) for what in LOADS})
            return
        os.environ["WORKMILL_URL"] = url
        raw = RawQueue(url)
        found = measure(raw, AIMS, jobs=chosen.jobs, concurrency=chosen.concurrency, folder=Path(folder))
        raw.close()
        found.append(idle_queries(url, Path(folder), chosen.concurrency))
        show("PostgreSQL end to end", found, CACHE)


def idle_queries(url: str, folder: Path, concurrency: int) -> Measure:
    """Count the transactions of a worker tree that has nothing to do, in a database where nothing else happens."""
    count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'idle'"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE idle")
        os.environ["WORKMILL_URL"] = urlsplit(url)._replace(path="/idle").geturl()
        with worker(folder, concurrency):
            seen = []
            for _ in range(2):
                time.sleep(IDLE_SECONDS)
                seen += [row[0] for row in connection.execute(count)]
        connection.execute("DROP DATABASE idle WITH (FORCE)")
    return Measure(what="idle worker tree", value=(seen[1] - seen[0]) / IDLE_SECONDS, unit="queries/s", aim="<= 1")


if __name__ == "__main__":
    main()

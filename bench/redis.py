"""Measure the Redis store end to end, beside raw scripts over jobs of the same shape in the same run.

    ./run bench redis [--jobs 20000] [--concurrency 200] [--fsync everysec|always] [--server PROGRAM]
    ./run bench redis --memory [--stored 100000] [--passed 1000000]

A server of the bench's own is started, the one that tests find too. It writes its log of changes once a second, which
is the default figure, and then once for every change (`--fsync` chooses one of both). What is compared is what a
machine's noise leaves alone: ratios within one run. The raw side is one process and no worker; it is a ceiling, not a
rival. A bare round trip is a script that does nothing, called by the same client in the same way: blocking beside
blocking, awaited beside awaited. `--memory` measures what jobs take, and whether a million of them leave anything.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

from bench._end_to_end import CACHE, ROOT, Aims, in_thousands, in_turn, measure, rate, worker
from bench._memory_redis import run_memory
from bench._raw_redis import RawQueue
from bench._report import Measure, show
from tests.servers.redis import CHOICE, chosen_redis

AIM_OF_DRAIN = ">= 25,000"
AIMS = Aims(drain=AIM_OF_DRAIN, pickup="<= 0.6")
AIM_OF_A_ROUND_TRIP = "0.8"
SINGLES = 2000
IDLE_SECONDS = 30.0
SYNCS = ("everysec", "always")


def main() -> None:
    """Run all measures on a server of their own and show them."""
    parser = argparse.ArgumentParser(prog="./run bench redis", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--fsync", choices=SYNCS, help="measure with this one alone")
    parser.add_argument("--server", default="", help="the program to start, or the URL of one that may be emptied")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--passed", type=int, default=1_000_000)
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ[CHOICE] = chosen.server or os.environ.get(CHOICE, "")
    tempfile.tempdir = str(CACHE)  # the server's folder, too, must lie on a disk
    with tempfile.TemporaryDirectory() as folder, chosen_redis() as url:
        os.environ["WORKMILL_URL"] = url
        with redis.Redis.from_url(url) as client:
            client.flushall()
        if chosen.memory:
            run_memory(url, Path(folder), CACHE, stored=chosen.stored, passed=chosen.passed)
            return
        for sync in [chosen.fsync] if chosen.fsync else SYNCS:
            found = measure_all(url, sync, jobs=chosen.jobs, concurrency=chosen.concurrency, folder=Path(folder))
            show(f"Redis-{sync} end to end", found, CACHE)


def measure_all(url: str, sync: str, *, jobs: int, concurrency: int, folder: Path) -> list[Measure]:
    """Take every measure once in an empty store, with the log of changes written to the disk as often as said."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
        client.config_set("appendfsync", sync)
        raw = RawQueue(url)
        found = round_trips(raw)
        found += measure(raw, AIMS, jobs=jobs, concurrency=concurrency, folder=folder)
        found.append(drain_by_two(client, raw, jobs=jobs, concurrency=concurrency))
        raw.close()
        found.append(idle_commands(client, folder, concurrency))
    return found


def round_trips(raw: RawQueue) -> list[Measure]:
    """Compare an enqueue with a bare round trip of the same colour."""
    from bench._tasks import nothing  # noqa: PLC0415 - reads WORKMILL_URL

    nothing.enqueue()  # opens the store
    blocking, bare = in_turn(SINGLES, nothing.enqueue, raw.go_there)
    awaited, bare_awaited = raw.awaited_in_turn(SINGLES, nothing.aenqueue)
    what, aim = "beside a bare round trip", AIM_OF_A_ROUND_TRIP
    return [
        Measure(what=f"enqueue {what}", value=blocking, unit="jobs/s", raw=bare, aim=aim),
        Measure(what=f"aenqueue {what}", value=awaited, unit="jobs/s", raw=bare_awaited, aim=aim),
    ]


def drain_by_two(client: "redis.Redis", raw: RawQueue, *, jobs: int, concurrency: int) -> Measure:
    """Drain by two engines that share the places: while the server works for one, the other works itself."""
    client.flushall()
    in_thousands(jobs, raw.enqueue_many)
    ceiling = rate(jobs, lambda: raw.drain(jobs, batch=concurrency))
    flags = ["-c", str(concurrency // 2), "--engines", "2"]
    command = [sys.executable, "-m", "bench._drain", "bench._tasks", "nothing", str(jobs), *flags]
    drained = float(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return Measure(what="drain, two engines", value=drained, unit="jobs/s", raw=ceiling, aim=AIM_OF_DRAIN)


def idle_commands(client: "redis.Redis", folder: Path, concurrency: int) -> Measure:
    """Count the commands of a worker tree that has nothing to do, those that scripts call not among them."""
    with worker(folder, concurrency):
        seen = []
        for _ in range(2):
            time.sleep(IDLE_SECONDS)
            seen.append(commands(client))
    return Measure(what="idle worker tree", value=(seen[1] - seen[0]) / IDLE_SECONDS, unit="commands/s", aim="<= 1")


def commands(client: "redis.Redis") -> int:
    """Return how many commands callers have sent so far."""
    calls = client.info("commandstats")
    sent = ("evalsha", "eval", "ping", "subscribe", "unsubscribe", "client|setname", "script|load")
    return sum(calls.get(f"cmdstat_{each}", {}).get("calls", 0) for each in sent)


if __name__ == "__main__":
    main()

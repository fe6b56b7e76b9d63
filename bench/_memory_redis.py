"""What jobs take in a Redis server's memory, and whether any of it stays when they are gone."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from bench._end_to_end import in_thousands, wait_until_drained, worker
from bench._report import Measure, show
from workmill import AnyTask, App

PAYLOAD = "x" * 100
ROUND = 100_000
DEADLINE_SECONDS = 300
SIZES = {b"hash": "HLEN", b"zset": "ZCARD", b"set": "SCARD", b"list": "LLEN", b"string": "STRLEN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a store holds at a moment."""

    used: int
    entries: Mapping[str, int]


def run_memory(url: str, folder: Path, results: Path, *, stored: int, passed: int) -> None:
    """Measure jobs that stay, then let many more pass through that may go soon; show both."""
    from bench._tasks import app, fleeting, written  # noqa: PLC0415 - reads WORKMILL_URL

    with redis.Redis.from_url(url) as client, app:
        fleeting.enqueue()
        pass_through(app, folder, fleeting, 1)
        empty = held(client)
        in_thousands(stored, lambda n: app.enqueue_many([written.job(PAYLOAD) for _ in range(n)]))
        queued = held(client)
        drain(app, folder)
        finished = held(client)
        found = [
            Measure(
                what="a queued job, 100 bytes of arguments", value=(queued.used - empty.used) / stored, unit="bytes"
            ),
            Measure(what="a finished one, with its result", value=(finished.used - empty.used) / stored, unit="bytes"),
        ]
        pass_through(app, folder, fleeting, ROUND)  # what only the first ones take is taken
        before = held(client)
        for _ in range(0, passed, ROUND):
            pass_through(app, folder, fleeting, ROUND)
        after = held(client)
    grown = (after.used - before.used) / passed
    found.append(Measure(what=f"what each of {passed:,} gone jobs left", value=grown, unit="bytes", aim="0"))
    show("Redis-memory", found, results)
    show_entries(before.entries, after.entries)


def pass_through(app: App, folder: Path, task: AnyTask, jobs: int) -> None:
    """Store jobs, have them run, and wait until all of them are deleted."""
    in_thousands(jobs, lambda n: app.enqueue_many([task.job() for _ in range(n)]))
    drain(app, folder)
    time.sleep(task.policy.keep.total_seconds())  # a worker prunes when it starts, and then once a minute
    ends_at = time.monotonic() + DEADLINE_SECONDS
    with worker(folder, 1):
        while any(count.task == task.name and count.jobs for count in app.counts()):
            if time.monotonic() > ends_at:
                raise SystemExit("finished jobs were not deleted in time; see the worker's log above")
            time.sleep(0.1)


def drain(app: App, folder: Path) -> None:
    with worker(folder, 200):
        wait_until_drained(app)


def held(client: "redis.Redis") -> Held:
    """Look at what the server holds: bytes in all, and entries of each key."""
    client.execute_command("MEMORY", "PURGE")
    entries = {
        key.decode(): client.execute_command(SIZES[client.type(key)], key) for key in client.scan_iter(count=1000)
    }
    return Held(used=client.info("memory")["used_memory"], entries=entries)


def show_entries(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Print each key with how many entries (of a string: bytes) it had and has."""
    for key in sorted({*before, *after}):
        print(f"{key:<50} {before.get(key, 0):>10,} {after.get(key, 0):>10,}")

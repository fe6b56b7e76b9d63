"""What a bench of a store measures end to end: real processes, the public names, the raw statements in turn."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench._report import Measure
from workmill import AnyTask, App

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
"""Beside the checkout, because a folder for temporary files may lie in memory, where no sync costs anything."""
PROC = Path("/proc")
DEADLINE_SECONDS = 120


class Raw(Protocol):
    """Hand-written statements on rows of the same shape, one process, no worker, the same durability: a ceiling."""

    def enqueue_one(self) -> None:
        """Store one job, durably."""

    def enqueue_many(self, jobs: int) -> None:
        """Store jobs in one transaction."""

    def drain(self, jobs: int, *, batch: int) -> None:
        """Claim and settle what is queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """What was hoped for."""

    drain: str
    pickup: str
    bulk: str = ""
    single: str = ""


def measure(raw: Raw, aims: Aims, *, jobs: int, concurrency: int, folder: Path) -> list[Measure]:
    """Take every measure once, raw and ours in turn."""
    from bench._tasks import app, begin, nothing, nothing_in_thread  # noqa: PLC0415 - reads WORKMILL_URL

    singles = 500
    nothing.enqueue()  # opens the store
    single, raw_single = in_turn(singles, nothing.enqueue, raw.enqueue_one)
    bulk, raw_bulk = in_turn(
        jobs // 1000,
        lambda: app.enqueue_many([nothing.job() for _ in range(1000)]),
        lambda: raw.enqueue_many(1000),
    )
    crowd = rate(8 * singles, lambda: at_once(8, lambda: repeat(singles, nothing.enqueue)))
    found = [
        Measure(what="single enqueue, one caller", value=single, unit="jobs/s", raw=raw_single, aim=aims.single),
        Measure(what="single enqueue, 8 callers", value=crowd, unit="jobs/s"),
        Measure(
            what="bulk enqueue, 1,000 a call", value=1000 * bulk, unit="jobs/s", raw=1000 * raw_bulk, aim=aims.bulk
        ),
    ]
    with worker(folder, concurrency):
        wait_until_drained(app)
    drained = drain_rate(app, nothing, jobs, folder, concurrency)
    ceiling = rate(jobs, lambda: raw.drain(jobs, batch=concurrency))
    in_threads = drain_rate(app, nothing_in_thread, jobs, folder, concurrency)
    found += [
        Measure(what="drain, async no-op", value=drained, unit="jobs/s", raw=ceiling, aim=aims.drain),
        Measure(what="drain, no-op in threads", value=in_threads, unit="jobs/s", raw=ceiling),
    ]
    with worker(folder, concurrency) as pid:
        begin.enqueue().result(timeout=30)
        found += pickups(begin, 300, aims.pickup)
        found.append(Measure(what="idle worker tree", value=idle_share(pid, 5.0), unit="% of a core", aim="about 0"))
    app.close()
    return found


def rate(jobs: int, work: Callable[[], object]) -> float:
    """Return jobs a second of wall time."""
    began = time.perf_counter()
    work()
    return jobs / (time.perf_counter() - began)


def in_turn(times: int, ours: Callable[[], object], raw: Callable[[], object]) -> tuple[float, float]:
    """Return calls a second of both, called in turn so that the machine's moods meet both alike."""
    seconds = [0.0, 0.0]
    for _ in range(times):
        for side, call in enumerate((ours, raw)):
            began = time.perf_counter()
            call()
            seconds[side] += time.perf_counter() - began
    return times / seconds[0], times / seconds[1]


def repeat(times: int, call: Callable[[], object]) -> None:
    for _ in range(times):
        call()


def in_thousands(jobs: int, call: Callable[[int], object]) -> None:
    for start in range(0, jobs, 1000):
        call(min(1000, jobs - start))


def at_once(callers: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)


@contextmanager
def worker(folder: Path, concurrency: int) -> Iterator[int]:
    """Run a real worker tree, and end it as an operator would."""
    command = [sys.executable, "-m", "workmill", "worker", "bench._tasks:app", "-c", str(concurrency)]
    with (folder / "worker.log").open("wb") as log:
        running = subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, stderr=log, stdout=log)
    try:
        yield running.pid
    finally:
        running.terminate()
        running.wait(DEADLINE_SECONDS)
        sys.stderr.write((folder / "worker.log").read_text())


def wait_until_drained(app: App) -> None:
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while any(not count.state.is_final for count in app.counts()):
        if time.monotonic() > ends_at:
            raise SystemExit("the worker did not finish in time; see its log above")
        time.sleep(0.1)


def drain_rate(app: App, task: AnyTask, jobs: int, folder: Path, concurrency: int) -> float:
    """Return jobs a second from the first start to the last end, by the store's own times; all were queued before."""
    in_thousands(jobs, lambda n: app.enqueue_many([task.job() for _ in range(n)]))
    with worker(folder, concurrency):
        wait_until_drained(app)
    starts, ends, cursor = [], [], None
    while len(starts) < jobs:
        page = app.jobs(tasks=[task.name], limit=1000, cursor=cursor)
        starts += [job.started_at for job in page.jobs if job.started_at]
        ends += [job.finished_at for job in page.jobs if job.finished_at]
        cursor = page.next_cursor
    return jobs / (max(ends[:jobs]) - min(starts[:jobs])).total_seconds()


def pickups(begin: AnyTask, times: int, aim: str) -> list[Measure]:
    """Time from the call of enqueue in this process to the task's first line in the worker's, the commit included."""
    waits, commits = [], []
    for _ in range(times):
        called = time.monotonic_ns()
        job = begin.enqueue()
        commits.append((time.monotonic_ns() - called) / 1e6)
        waits.append((job.result(timeout=30) - called) / 1e6)
    waits.sort()
    return [
        Measure(what="enqueue call, p50", value=statistics.median(commits), unit="ms"),
        Measure(what="enqueue call to start, p50", value=statistics.median(waits), unit="ms", aim=aim),
        Measure(what="enqueue call to start, p99", value=waits[int(len(waits) * 0.99)], unit="ms"),
    ]


def idle_share(pid: int, seconds: float) -> float:
    """Return the share of one core that the worker tree uses while there is nothing to do, in percent."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / seconds


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and all that descend from it."""
    stats = {int(path.parent.name): path.read_text().rsplit(")", 1)[1].split() for path in PROC.glob("[0-9]*/stat")}
    tree = {pid}
    for child in sorted(stats):
        if int(stats[child][1]) in tree:
            tree.add(child)
    ticks = sum(int(stats[each][11]) + int(stats[each][12]) for each in tree if each in stats)
    return ticks / os.sysconf("SC_CLK_TCK")

"""What the SQLite room costs a job, beside hand-written statements on rows of the same shape, in the same run.

    ./run bench sqlite_room [--jobs 20000] [--folder FOLDER]

Both store, claim and finish the same jobs in batches of 1, 10 and 100, in turns, on the same disk, in WAL mode with
`synchronous=FULL`. The hand-written side keeps only the one index that a claim needs, builds no records and serves one
process: it is what the least careful queue would cost. The figures are microseconds a job, medians over the turns.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import apsw

from workmill.store import ClaimRequest, NewWorker
from workmill.stores.sqlite import SqliteStore
from workmill.words.job import NewJob
from workmill.words.names import job_id
from workmill.words.outcome import Succeeded
from workmill.words.policy import Policy
from workmill.words.transition import decide

BATCHES = (1, 10, 100)
VERBS = ("enqueue", "claim", "settle")
TURNS = 5
TASK, QUEUE = "resize", "default"
ARGS = b'{"path":"pictures/2026/11/a.png","width":400,"height":300,"quality":0.85,"keep":true,"tags":["a","b"]}'
RESULT = b'"pictures/2026/11/a-400.png"'
WEEK = 7 * 86_400_000_000
COLUMNS = """
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, task TEXT, queue TEXT, priority INTEGER, state TEXT, args TEXT,
    policy TEXT, key TEXT, attempt INTEGER, deaths INTEGER, token INTEGER, version INTEGER, progress TEXT, result TEXT,
    failure TEXT, worker TEXT, engine INTEGER, created_at INTEGER, run_at INTEGER, started_at INTEGER,
    finished_at INTEGER, expires_at INTEGER, cancel_requested_at INTEGER, cancel_reason TEXT
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds a job, of each verb."""

    enqueue: float
    claim: float
    settle: float

    @property
    def whole(self) -> float:
        return self.enqueue + self.claim + self.settle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000, help="how many jobs each side works off at batch 100")
    parser.add_argument("--folder", help="where the files are made; a temporary folder otherwise")
    options = parser.parse_args()
    # The bench keeps every job it has seen; the collector's walks over them are no cost of either side.
    gc.disable()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"SQLite {apsw.sqlite_lib_version()}, us a job\n")
        print(f"{'batch':>5}  {'side':<13}" + "".join(f"{verb:>10}" for verb in (*VERBS, "all")))
        for batch in BATCHES:
            # A batch of one is paid by the sync of the disk: fewer jobs say as much.
            count = max(options.jobs * batch // 100, 200)
            show(batch, *measure(Path(folder), batch, count))


def measure(folder: Path, batch: int, count: int) -> tuple[Costs, Costs]:
    room, raw = [], []
    for turn in range(TURNS):
        room.append(asyncio.run(room_costs(folder / f"room-{batch}-{turn}.db", batch, count // TURNS)))
        raw.append(raw_costs(folder / f"raw-{batch}-{turn}.db", batch, count // TURNS))
    return median(room), median(raw)


def median(turns: Sequence[Costs]) -> Costs:
    return Costs(*(statistics.median(getattr(turn, verb) for turn in turns) for verb in VERBS))


def show(batch: int, room: Costs, raw: Costs) -> None:
    for side, costs in (("room", room), ("hand-written", raw)):
        figures = (*(getattr(costs, verb) for verb in VERBS), costs.whole)
        print(f"{batch:>5}  {side:<13}" + "".join(f"{figure:>10.1f}" for figure in figures))
    ratios = (*(getattr(room, verb) / getattr(raw, verb) for verb in VERBS), room.whole / raw.whole)
    print(f"{batch:>5}  {'ratio':<13}" + "".join(f"{ratio:>10.2f}" for ratio in ratios) + "\n")


def new_jobs(count: int) -> list[NewJob]:
    now = time.time_ns() // 1_000_000
    return [
        NewJob(id=job_id(now, number.to_bytes(10)), task=TASK, queue=QUEUE, priority=0, args=ARGS, policy=Policy())
        for number in range(count)
    ]


async def room_costs(path: Path, batch: int, count: int) -> Costs:
    store = SqliteStore(path)
    await store.open()
    worker = NewWorker(
        id="w", name="w", host="h", pid=1, queues=(QUEUE,), tasks=(TASK,), concurrency=16, lease=timedelta(hours=1)
    )
    await store.register(worker)
    request = ClaimRequest(worker_id="w", engine=0, queues=(QUEUE,), tasks=(TASK,), limit=batch)
    jobs = new_jobs(count)
    claimed = []

    begun = time.perf_counter()
    for place in range(0, count, batch):
        await store.enqueue(jobs[place : place + batch])
    enqueued = time.perf_counter()
    while taken := await store.claim(request):
        claimed.append(taken)
    ended = [[decide(job, Succeeded(result=RESULT), chance=0.5) for job in taken] for taken in claimed]
    settling = time.perf_counter()
    for transitions in ended:
        await store.settle(transitions)
    settled = time.perf_counter()
    await store.close()
    return Costs(*(1e6 * span / count for span in (enqueued - begun, settling - enqueued, settled - settling)))


def raw_costs(path: Path, batch: int, count: int) -> Costs:
    connection = apsw.Connection(str(path))
    for setting in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        connection.execute(setting)
    connection.execute(f"CREATE TABLE job ({COLUMNS}) STRICT")
    connection.execute("CREATE INDEX queued ON job (queue, task, priority DESC, seq) WHERE state = 'queued'")
    jobs = new_jobs(count)
    claimed: list[list[int]] = []

    begun = time.perf_counter()
    for place in range(0, count, batch):
        rows = [(job.id, TASK, QUEUE, 0, ARGS.decode(), "{}", now()) for job in jobs[place : place + batch]]
        within(connection, lambda rows=rows: connection.executemany(INSERT, rows))
    enqueued = time.perf_counter()
    for _ in range(0, count, batch):
        within(
            connection,
            lambda: claimed.append([row[0] for row in connection.execute(CLAIM, ("w", now(), QUEUE, TASK, batch))]),
        )
    settling = time.perf_counter()
    for seqs in claimed:
        rows = [(RESULT.decode(), now(), now() + WEEK, seq) for seq in seqs]
        within(connection, lambda rows=rows: connection.executemany(SETTLE, rows))
    settled = time.perf_counter()
    connection.close()
    return Costs(*(1e6 * span / count for span in (enqueued - begun, settling - enqueued, settled - settling)))


INSERT = """
    INSERT INTO job (id, task, queue, priority, state, args, policy, attempt, deaths, token, version, created_at)
    VALUES (?, ?, ?, ?, 'queued', ?, ?, 0, 0, 0, 1, ?)
"""
CLAIM = """
    UPDATE job SET state = 'running', attempt = attempt + 1, token = token + 1, version = version + 1, worker = ?1,
        engine = 0, started_at = ?2
    WHERE seq IN (
        SELECT seq FROM job WHERE state = 'queued' AND queue = ?3 AND task = ?4 ORDER BY priority DESC, seq LIMIT ?5
    )
    RETURNING seq, id, task, queue, priority, args, policy, key, attempt, token, version, created_at
"""
SETTLE = """
    UPDATE job SET state = 'succeeded', result = ?, finished_at = ?, expires_at = ?, version = version + 1
    WHERE seq = ? AND token = 1 AND state = 'running'
"""


def within(connection: apsw.Connection, work: Callable[[], object]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    work()
    connection.execute("COMMIT")


def now() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    main()

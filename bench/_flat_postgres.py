"""Claims of the PostgreSQL room while more and more lies around them: does their cost stay what it was when empty?"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from workmill.store import ClaimRequest, NewWorker, Store
from workmill.stores.postgres import PostgresStore
from workmill.words.job import Job, NewJob
from workmill.words.outcome import Succeeded
from workmill.words.policy import Policy
from workmill.words.transition import Transition, decide

BATCH = 10
CLAIMS = 1500
STEP = 500_000
WEEK = 7 * 86_400_000_000
REQUEST = ClaimRequest(worker_id="w", engine=0, queues=("default",), tasks=("nothing",), limit=BATCH)
WORKER = NewWorker(
    id="w",
    name="w",
    host="h",
    pid=1,
    queues=("default",),
    tasks=("nothing",),
    concurrency=BATCH,
    lease=timedelta(hours=9),
)

QUEUED = """
INSERT INTO workmill.job (id, lane, args, policy, created_at, xid)
SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), pg_current_xact_id() FROM generate_series(1, %s)
"""
FINISHED = """
WITH stored AS (
    INSERT INTO workmill.job (id, lane, args, policy, created_at, xid)
    SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), pg_current_xact_id() FROM generate_series(1, %s)
    RETURNING seq, created_at, xid
), marked AS (
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from)
    SELECT 1, (SELECT coalesce(max(number), 0) + 1 FROM workmill.mark WHERE lane = 1), pg_current_xact_id(), max(seq),
        '{}', '{}' FROM stored
)
INSERT INTO workmill.done (seq, lane, finished_at, expires_at, attempt, deaths, token, version, state, worker, result)
SELECT seq, 1, created_at, created_at + %s, 1, 0, 1, 3, 'succeeded', 'w', 'null' FROM stored
"""
SCHEDULED = """
WITH stored AS (
    INSERT INTO workmill.job (id, lane, args, policy, created_at, run_at)
    SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), workmill.clock() + %s
    FROM generate_series(1, %s) RETURNING seq, run_at
)
INSERT INTO workmill.later (seq, run_at, lane, state) SELECT seq, run_at, 1, 'scheduled' FROM stored
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of one claim of ten jobs, and how that compares with an empty store."""

    around: str
    p50: float
    p99: float
    times_p50: float
    times_p99: float


async def measure_flat(url: str, *, queued: int, finished: int, scheduled: int, pinned: int) -> list[Cost]:
    """Measure claims on an empty store, then with each kind of load added, then along a pinned snapshot."""
    store = PostgresStore(url)
    await store.open()
    await store.register(WORKER)
    await work(store, CLAIMS)  # warm
    empty = await work(store, CLAIMS)
    costs = [cost("nothing", empty, empty)]
    for what, sql, count, first in (
        ("finished", FINISHED, finished, False),
        ("scheduled", SCHEDULED, scheduled, True),
        ("queued", QUEUED, queued, False),
    ):
        fill(url, sql, count, first=first, has_week=sql is not QUEUED)
        costs.append(cost(f"+ {count:,} {what}", await work(store, CLAIMS), empty))
        print(costs[-1], flush=True)
    async with somebody_elses_transaction(url):
        for share in range(1, 6):
            taken = await work(store, pinned // BATCH // 5)
            costs.append(cost(f"pinned, {pinned * share // 5:,} later", taken, empty))
            print(costs[-1], flush=True)
    await store.close()
    return costs


async def work(store: Store, claims: int) -> list[float]:
    """Store, claim and settle ten jobs again and again; return the seconds of each claim."""
    seconds = []
    for _ in range(claims):
        await store.enqueue([new_job() for _ in range(BATCH)])
        began = time.perf_counter()
        jobs = await store.claim(REQUEST)
        seconds.append(time.perf_counter() - began)
        await store.settle([ended(job) for job in jobs])
    return seconds


def new_job() -> NewJob:
    return NewJob(id=str(uuid.uuid4()), task="nothing", queue="default", priority=0, args=b"{}", policy=Policy())


def ended(job: Job) -> Transition:
    return decide(job, Succeeded(result=b"null"), chance=0.5)


def fill(url: str, sql: str, count: int, *, first: bool, has_week: bool) -> None:
    """Add jobs of one kind in bounded transactions, then do what autovacuum does in time."""
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(0, count, STEP):
            some = min(STEP, count - start)
            values = [WEEK, some] if first else [some, WEEK] if has_week else [some]
            connection.execute(sql, values)
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")


@asynccontextmanager
async def somebody_elses_transaction(url: str) -> AsyncIterator[None]:
    """Keep a snapshot as it is now, as a forgotten session does."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT pg_current_xact_id()")
        yield


def cost(around: str, seconds: Sequence[float], empty: Sequence[float]) -> Cost:
    p50, p99 = at(seconds, 0.5), at(seconds, 0.99)
    return Cost(around=around, p50=p50, p99=p99, times_p50=p50 / at(empty, 0.5), times_p99=p99 / at(empty, 0.99))


def at(seconds: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * sorted(seconds)[int(len(seconds) * share)]


def show_flat(costs: Sequence[Cost], folder: Path) -> None:
    """Print the costs, and write them and a plot into `folder`."""
    print(f"{'around the claim of ten':<32}{'p50 ms':>10}{'p99 ms':>10}{'times p50':>12}{'times p99':>12}")
    for each in costs:
        print(f"{each.around:<32}{each.p50:>10.2f}{each.p99:>10.2f}{each.times_p50:>12.2f}{each.times_p99:>12.2f}")
    (folder / "postgresql-flat.json").write_text(json.dumps([asdict(each) for each in costs], indent=1))
    plot(costs, folder / "postgresql-flat.png")
    print(f"written: {folder}/postgresql-flat.json, {folder}/postgresql-flat.png")


def plot(costs: Sequence[Cost], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - seconds of import that only the plot needs

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(9, 5))
    places = range(len(costs))
    axes.plot(places, [each.times_p50 for each in costs], marker="o", label="p50")
    axes.plot(places, [each.times_p99 for each in costs], marker="s", label="p99")
    axes.axhline(1.0, color="#888", linestyle="--")
    axes.set_xticks(list(places), [each.around for each in costs], rotation=30, ha="right")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("cost of a claim, times that of an empty store")
    axes.set_title("PostgreSQL: a claim of ten jobs under load, same run")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def run_flat(url: str, folder: Path, *, queued: int, finished: int, scheduled: int, pinned: int) -> None:
    """Measure and show."""
    show_flat(
        asyncio.run(measure_flat(url, queued=queued, finished=finished, scheduled=scheduled, pinned=pinned)), folder
    )

"""Claims of the PostgreSQL room while more and more lies around them: does their cost stay what it is when empty?

Each measured claim has a neighbour: the same in another database of the same server in which nothing else lies. They
take turns, so that whatever the machine does meanwhile meets both.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench._flat_load import fill
from workmill.store import ClaimRequest, NewWorker, Store
from workmill.stores.postgres import PostgresStore
from workmill.words.job import Job, NewJob
from workmill.words.outcome import Succeeded
from workmill.words.policy import Policy
from workmill.words.transition import Transition, decide

BATCH = 10
CLAIMS = 4000
WARM = 1000
SHARES = 5
PINNED_EACH = 4
"""Along a pinned snapshot so many claims come to each one of the empty database."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of one claim of ten jobs, and of its neighbours in an empty database."""

    around: str
    claims: int
    p50: float
    p99: float
    empty_p50: float
    empty_p99: float

    @property
    def times_p50(self) -> float:
        """How many times that of an empty database."""
        return self.p50 / self.empty_p50

    @property
    def times_p99(self) -> float:
        """How many times that of an empty database."""
        return self.p99 / self.empty_p99


def run_flat(url: str, folder: Path, *, queued: int, finished: int, scheduled: int, pinned: int) -> None:
    """Measure and show."""
    loads = {"finished": finished, "scheduled": scheduled, "queued": queued}
    with empty_beside(url) as empty:
        show_flat(asyncio.run(measure_flat(url, empty, loads, pinned)), folder)


async def measure_flat(url: str, empty_url: str, loads: dict[str, int], pinned: int) -> list[Cost]:
    """Measure claims with nothing around, with each kind of load added, then along a pinned snapshot."""
    async with opened(url) as store, opened(empty_url) as empty:
        await turns(store, empty, WARM)
        costs = [await turns(store, empty, CLAIMS, around="nothing")]
        for kind, count in loads.items():
            fill(url, kind, count)
            await turns(store, empty, WARM)
            costs.append(await turns(store, empty, CLAIMS, around=f"+ {count:,} {kind}"))
        with somebody_elses_transaction(url):
            for share in range(1, SHARES + 1):
                around = f"pinned, {pinned * share // SHARES:,} later"
                costs.append(await turns(store, empty, pinned // BATCH // SHARES, around=around, each=PINNED_EACH))
    return costs


async def turns(store: Store, empty: Store, claims: int, *, around: str = "", each: int = 1) -> Cost:
    """Work in the one store, and after every `each` claims once in the other."""
    here, there = [], []
    for number in range(claims):
        here.append(await work(store))
        if number % each == 0:
            there.append(await work(empty))
    cost = Cost(
        around=around,
        claims=claims,
        p50=at(here, 0.5),
        p99=at(here, 0.99),
        empty_p50=at(there, 0.5),
        empty_p99=at(there, 0.99),
    )
    if around:
        print(f"{around}: p50 x{cost.times_p50:.2f}, p99 x{cost.times_p99:.2f}", flush=True)
    return cost


async def work(store: Store) -> float:
    """Store, claim and settle ten jobs; return the seconds of the claim."""
    await store.enqueue([new_job() for _ in range(BATCH)])
    began = time.perf_counter()
    jobs = await store.claim(REQUEST)
    seconds = time.perf_counter() - began
    await store.settle([ended(job) for job in jobs])
    return seconds


def new_job() -> NewJob:
    return NewJob(id=str(uuid.uuid4()), task="nothing", queue="default", priority=0, args=b"{}", policy=Policy())


def ended(job: Job) -> Transition:
    return decide(job, Succeeded(result=b"null"), chance=0.5)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Have a store with a worker while inside."""
    store = PostgresStore(url)
    await store.open()
    await store.register(WORKER)
    yield store
    await store.close()


@contextmanager
def empty_beside(url: str) -> Iterator[str]:
    """Have another database on the same server while inside."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS workmill_flat_empty")
        connection.execute("CREATE DATABASE workmill_flat_empty")
    yield urlsplit(url)._replace(path="/workmill_flat_empty").geturl()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE workmill_flat_empty")


@contextmanager
def somebody_elses_transaction(url: str) -> Iterator[None]:
    """Keep a snapshot as it is now, as a forgotten session does."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT pg_current_xact_id()")
        yield


def at(seconds: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * sorted(seconds)[int(len(seconds) * share)]


def show_flat(costs: Sequence[Cost], folder: Path) -> None:
    """Print the costs, and write them and a plot into `folder`."""
    print(f"{'around the claim of ten':<28}{'p50 ms':>8}{'empty':>8}{'times':>7}{'p99 ms':>9}{'empty':>8}{'times':>7}")
    for each in costs:
        halves = f"{each.p50:>8.2f}{each.empty_p50:>8.2f}{each.times_p50:>7.2f}"
        tails = f"{each.p99:>9.2f}{each.empty_p99:>8.2f}{each.times_p99:>7.2f}"
        print(f"{each.around:<28}{halves}{tails}")
    found = [asdict(each) | {"times_p50": each.times_p50, "times_p99": each.times_p99} for each in costs]
    (folder / "postgresql-flat.json").write_text(json.dumps(found, indent=1))
    plot(costs, folder / "postgresql-flat.png")
    print(f"written: {folder}/postgresql-flat.json, {folder}/postgresql-flat.png")


def plot(costs: Sequence[Cost], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - seconds of import that only the plot needs

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(11, 5.5))
    places = range(len(costs))
    axes.plot(places, [each.times_p50 for each in costs], marker="o", label="p50")
    axes.plot(places, [each.times_p99 for each in costs], marker="s", label="p99")
    for aim, colour in ((1.2, "C0"), (2.0, "C1")):
        axes.axhline(aim, color=colour, linestyle=":", linewidth=1)
    axes.axhline(1.0, color="#888", linestyle="--")
    axes.set_xticks(list(places), [each.around for each in costs], rotation=30, ha="right")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("cost of a claim, times that of an empty database")
    axes.set_title("PostgreSQL: a claim of ten jobs under load, taking turns with the same in an empty database")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)

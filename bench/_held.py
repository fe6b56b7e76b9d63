"""Claims while more and more jobs are held back around them: does their cost stay what it is where nothing is?

Each measured turn has a neighbour: the same in another store in which nothing is held back. They go in turns, so that
whatever the machine does meanwhile meets both.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from workmill.store import ClaimRequest, NewWorker, Store
from workmill.words.job import Job, NewJob
from workmill.words.limit import Gate, Rule, Scope
from workmill.words.outcome import Succeeded
from workmill.words.policy import Policy
from workmill.words.ties import After, Ties
from workmill.words.transition import Transition, decide

BATCH = 10
KEYS = 1000
STEP = 1000
WARM = 50
TASK, QUEUE = "nothing", "default"
RULE = Rule(scope=Scope.KEY, name="tenant", running=1)
HANDS = NewWorker(
    id="hands",
    name="hands",
    host="h",
    pid=1,
    queues=None,
    tasks=(TASK,),
    concurrency=BATCH,
    lease=timedelta(hours=9),
)
HOLDER = replace(HANDS, id="holder", name="holder", concurrency=KEYS)
REQUEST = ClaimRequest(worker_id=HANDS.id, engine=0, queues=None, tasks=(TASK,), limit=BATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of one turn, settling ten jobs and claiming ten, and of its neighbours in the empty store."""

    around: str
    jobs: str
    p50: float
    p99: float
    empty_p50: float
    empty_p99: float


async def measure(store: Store, empty: Store, *, held: int, turns: int) -> list[Cost]:
    """Measure turns of plain jobs and of jobs under a limit, with nothing around, then with each kind of load added."""
    for each in (store, empty):
        await each.register(HANDS)
        await each.register(HOLDER)
        await each.set_rules([RULE])
    costs = await both(store, empty, turns, around="nothing")
    await hold_by_limits(store, held)
    costs += await both(store, empty, turns, around=f"+ {held:,} on {KEYS:,} full keys")
    await hold_by_dependencies(store, held)
    return costs + await both(store, empty, turns, around=f"+ {held:,} that follow others")


async def both(store: Store, empty: Store, turns: int, *, around: str) -> list[Cost]:
    """Measure turns of either kind of job."""
    return [
        await taking_turns(store, empty, turns, around=around, jobs="plain", is_limited=False),
        await taking_turns(store, empty, turns, around=around, jobs="limited", is_limited=True),
    ]


async def taking_turns(store: Store, empty: Store, turns: int, *, around: str, jobs: str, is_limited: bool) -> Cost:
    """Work in the one store and in the other, by turns."""
    here: list[float] = []
    there: list[float] = []
    running: dict[Store, Sequence[Job]] = {}
    for number in range(WARM + turns):
        for place, seconds in ((store, here), (empty, there)):
            spent, running[place] = await turn(place, running.get(place, ()), is_limited=is_limited)
            if number >= WARM:
                seconds.append(spent)
    for place, last in running.items():
        await place.settle([ended(job) for job in last])
    return Cost(
        around=around,
        jobs=jobs,
        p50=at(here, 0.5),
        p99=at(here, 0.99),
        empty_p50=at(there, 0.5),
        empty_p99=at(there, 0.99),
    )


async def turn(store: Store, running: Sequence[Job], *, is_limited: bool) -> tuple[float, Sequence[Job]]:
    """Store ten jobs, settle those that run and claim the new ones; return how long the latter took, and these."""
    gates = [(Gate(name=RULE.name, key=f"free {number}"),) if is_limited else () for number in range(BATCH)]
    await store.enqueue([new_job(gates=passed) for passed in gates])
    begun = time.perf_counter()
    settled = await store.settle([ended(job) for job in running], REQUEST)
    spent = time.perf_counter() - begun
    if len(settled.claimed) != BATCH:
        raise AssertionError(f"{len(settled.claimed)} jobs were claimed instead of {BATCH}")
    return spent, settled.claimed


async def hold_by_limits(store: Store, count: int) -> None:
    """Let one job of each key run, and store many more that wait for its end."""
    keys = [(Gate(name=RULE.name, key=f"full {number}"),) for number in range(KEYS)]
    await store.enqueue([new_job(gates=key) for key in keys])
    claimed = 0
    while jobs := await store.claim(replace(REQUEST, worker_id=HOLDER.id, limit=KEYS)):
        claimed += len(jobs)
    if claimed != KEYS:
        raise AssertionError(f"{claimed} jobs were claimed instead of {KEYS}")
    for start in range(0, count, STEP):
        await store.enqueue([new_job(gates=keys[place % KEYS]) for place in range(start, start + STEP)])


async def hold_by_dependencies(store: Store, count: int) -> None:
    """Store many jobs that follow a thousand of a task that no worker here knows."""
    parents = [replace(new_job(), task="elsewhere") for _ in range(KEYS)]
    await store.enqueue(parents)
    for start in range(0, count, STEP):
        some = [parents[place % KEYS].id for place in range(start, start + STEP)]
        await store.enqueue([replace(new_job(), after=After(jobs=(parent,))) for parent in some])


def new_job(*, gates: tuple[Gate, ...] = ()) -> NewJob:
    return NewJob(
        id=str(uuid.uuid4()),
        task=TASK,
        queue=QUEUE,
        priority=0,
        args=b"{}",
        policy=Policy(),
        ties=Ties(gates=gates) if gates else None,
    )


def ended(job: Job) -> Transition:
    return decide(job, Succeeded(result=b"null"), chance=0.5)


def at(seconds: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * sorted(seconds)[int(len(seconds) * share)]


def show(costs: Sequence[Cost]) -> None:
    """Print the costs."""
    print(f"{'held back':<32}{'jobs':<9}{'p50 ms':>8}{'empty':>8}{'times':>7}{'p99 ms':>9}{'empty':>8}{'times':>7}")
    for each in costs:
        halves = f"{each.p50:>8.2f}{each.empty_p50:>8.2f}{each.p50 / each.empty_p50:>7.2f}"
        tails = f"{each.p99:>9.2f}{each.empty_p99:>8.2f}{each.p99 / each.empty_p99:>7.2f}"
        print(f"{each.around:<32}{each.jobs:<9}{halves}{tails}")

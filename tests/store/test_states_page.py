"""The page `docs/reference/states.md` says what the code does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from workmill.store import Store
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.conformance.harness import SteppedClock
from workmill.testing.conformance.making import DONE, ERROR, add, ended, hired, new_job, request, running
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.ties import After, Needs
from workmill.words.transition import decide

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "states.md").read_text()
ONCE = Policy(max_attempts=1, max_deaths=1)
OFTEN = Policy(max_attempts=5, max_deaths=5)
LATER = timedelta(hours=1)

ATTEMPTS: list[tuple[str, Outcome, Policy]] = [
    ("returned a result", DONE, ONCE),
    ("failed, with attempts left", Failed(failure=ERROR), OFTEN),
    ("failed, the last attempt allowed", Failed(failure=ERROR), ONCE),
    ("failed by an exception not worth another attempt", Failed(failure=ERROR, retryable=False), OFTEN),
    ("raised `Snooze`", Snoozed(after=LATER), ONCE),
    ("raised `Cancel`, or heeded a cancel", Cancelled(), OFTEN),
    ("was running when its process or its worker died, with deaths left", Interrupted(failure=ERROR), OFTEN),
    ("was running when its process or its worker died, the last death allowed", Interrupted(failure=ERROR), ONCE),
    ("was given back by a worker that stopped, or by an engine that was replaced", Returned(), ONCE),
]

PARENTS_ENDS: list[Outcome] = [DONE, Failed(failure=ERROR), Cancelled()]
ID = "018f0c3e-1234-7abc-8def-0123456789ab"


async def waiting(store: Store, needs: Needs = Needs.SUCCESS) -> Job:
    parent = await running(store)
    return await add(store, new_job(id=ID, after=After(jobs=(parent.id,), needs=needs)))


ARRANGED: dict[JobState, Callable[[Store], Awaitable[Job]]] = {
    JobState.SCHEDULED: lambda store: add(store, new_job(id=ID, delay=LATER)),
    JobState.WAITING: waiting,
    JobState.QUEUED: lambda store: add(store, new_job(id=ID)),
    JobState.RUNNING: lambda store: running(store, new_job(id=ID)),
    JobState.RETRYING: lambda store: ended(store, Failed(failure=ERROR, after=LATER), new_job(id=ID, policy=OFTEN)),
    JobState.SUCCEEDED: lambda store: ended(store, DONE, new_job(id=ID)),
    JobState.FAILED: lambda store: ended(store, Failed(failure=ERROR), new_job(id=ID)),
    JobState.CANCELLED: lambda store: ended(store, Cancelled(), new_job(id=ID)),
}


async def claim(store: Store) -> None:
    await store.claim(request(await hired(store), limit=10))


# How much later, and what is done then.
VERBS: list[tuple[timedelta, Callable[[Store], Awaitable[object]]]] = [
    (timedelta(0), claim),
    (LATER, lambda store: store.promote(10)),
    (timedelta(0), lambda store: store.cancel([ID], None)),
    (timedelta(days=1000), lambda store: store.prune(10)),
]


def table_under(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


async def test_table_of_attempts_is_what_decide_says() -> None:
    job = await running(MemoryStore(Vault()))
    rows = [attempt_row(told, job, outcome, policy) for told, outcome, policy in ATTEMPTS]

    assert table_under("How an attempt ends")[2:] == rows


def attempt_row(told: str, job: Job, outcome: Outcome, policy: Policy) -> str:
    job = replace(job, policy=policy)
    plain = decide(job, outcome, chance=0.5)
    asked = decide(replace(job, cancel_requested_at=job.created_at), outcome, chance=0.5)
    counted, died = (("no", "yes")[number == 1] for number in (plain.attempt, plain.deaths))
    return f"| {told} | `{plain.state}` | `{asked.state}` | {counted} | {died} |"


async def test_table_of_moves_is_what_the_verbs_do() -> None:
    rows = [f"| `{state}` | {' | '.join([await moved(state, *verb) for verb in VERBS])} |" for state in ARRANGED]

    assert table_under("What moves a job between attempts")[2:] == rows


async def moved(state: JobState, after: timedelta, verb: Callable[[Store], Awaitable[object]]) -> str:
    clock = SteppedClock()
    store = MemoryStore(Vault(), clock)
    job = await ARRANGED[state](store)
    assert job.state is state
    clock.advance(after)
    await verb(store)
    (now,) = await store.get([ID])
    if now == job:
        return "–"
    if now is None:
        return "deleted"
    return f"`{now.state}`" + (", with the request" if now.state is state else "")


async def test_table_of_followers_is_what_becomes_of_them() -> None:
    rows = [f"| `{needs}` | {' | '.join([await followed(needs, end) for end in PARENTS_ENDS])} |" for needs in Needs]

    assert table_under("What becomes of a job that waits")[2:] == rows


async def followed(needs: Needs, outcome: Outcome) -> str:
    store = MemoryStore(Vault())
    job = await waiting(store, needs)
    ((parent,),) = await store.parents([job.id])
    (held,) = await store.get([parent])
    assert held is not None
    await store.settle([decide(held, outcome, chance=0.5)])
    (now,) = await store.get([ID])
    assert now is not None
    return f"`{now.state}`"


def test_page_tells_of_every_state() -> None:
    told = PAGE.split("\n## ")[0]

    assert [line.split("`")[1] for line in told.splitlines() if line.startswith("| `")] == [*JobState]


def test_limit_of_deaths_is_the_one_told() -> None:
    assert Policy().max_deaths == 3
    assert "a limit of three\n  deaths" in PAGE

"""Random graphs: worked off by many hands at once, each job ends once, and as the ends of its parents say."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from workmill.store import ClaimRequest, JobFilter, Store, Verdict
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.making import DONE, ERROR, end, hired, new_job, request
from workmill.words.job import FINAL_STATES, Ending, Job, JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome, Returned
from workmill.words.ties import After, Needs
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed

JOBS, NEAR, BATCH, HANDS = 150, 20, 10, 3
RETURNED = 0.1
"""Which part of the jobs is given back by who claimed them."""
DEADLINE_SECONDS = 120.0
NEEDS = (Needs.SUCCESS, Needs.SUCCESS, Needs.END, Needs.FAILURE)
ENDS: tuple[Outcome, ...] = (DONE, DONE, DONE, DONE, DONE, Failed(failure=ERROR), Cancelled())


@dataclass(slots=True, kw_only=True)
class Graph:
    """Jobs in the order of storing, and with what each is to end if it begins."""

    chance: random.Random
    jobs: dict[str, NewJob] = field(default_factory=dict)
    ends: dict[str, Outcome] = field(default_factory=dict)

    def parents(self, job_id: str) -> tuple[str, ...]:
        """Return whom a job follows."""
        after = self.jobs[job_id].after
        return () if after is None else after.jobs

    def add(self) -> None:
        """Add a job that follows up to three of those that were added shortly before."""
        near = list(self.jobs)[-NEAR:]
        parents = tuple(self.chance.sample(near, min(len(near), self.chance.choice((0, 1, 1, 2, 3)))))
        after = After(jobs=parents, needs=self.chance.choice(NEEDS)) if parents else None
        job = new_job(priority=self.chance.choice((0, 0, 1)), after=after)
        self.jobs[job.id], self.ends[job.id] = job, self.chance.choice(ENDS)


class Hand:
    """One of several that work a graph off by stores of their own."""

    def __init__(self, store: Store, graph: Graph) -> None:
        self._store = store
        self._graph = graph

    async def store_all(self) -> None:
        """Store the graph in small batches, while others work on it."""
        jobs = list(self._graph.jobs.values())
        for start in range(0, len(jobs), BATCH):
            await self._store.enqueue(jobs[start : start + BATCH])
            await asyncio.sleep(0)

    async def work_off(self) -> None:
        """Claim and settle until every job of the graph has ended."""
        mine = request(await hired(self._store), limit=4)
        while not await self._is_over():
            claimed = tuple(await self._store.claim(mine))
            while claimed:
                claimed = await self._settled(claimed, mine)
                await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _settled(self, claimed: tuple[Job, ...], mine: ClaimRequest) -> tuple[Job, ...]:
        """End attempts as the graph says, give some back, and return what was claimed meanwhile."""
        parents = await self._store.get([parent for job in claimed for parent in self._graph.parents(job.id)])
        assert all(parent is not None and parent.state.is_final for parent in parents)
        is_returned = [self._graph.chance.random() < RETURNED for _ in claimed]
        outcomes = [
            Returned() if back else self._graph.ends[job.id] for job, back in zip(claimed, is_returned, strict=True)
        ]
        transitions = [end(job, outcome) for job, outcome in zip(claimed, outcomes, strict=True)]
        settled = await self._store.settle(transitions, mine)
        assert settled.verdicts == (Verdict.APPLIED,) * len(claimed)
        return settled.claimed

    async def _is_over(self) -> bool:
        ended = sum(count.jobs for count in await self._store.counts() if count.state in FINAL_STATES)
        return ended == len(self._graph.jobs)


def began_rightly(new: NewJob, parents: list[Job]) -> bool:
    """Whether a job had to begin, as its parents ended."""
    match new.after.needs if new.after else Needs.END:
        case Needs.SUCCESS:
            return all(parent.state is JobState.SUCCEEDED for parent in parents)
        case Needs.FAILURE:
            return any(parent.state is JobState.FAILED for parent in parents)
        case Needs.END:
            return True


def tells(job: Job, parents: list[Job]) -> bool:
    """Whether a job that never began tells of a parent that decided so."""
    if job.state is JobState.FAILED:
        return job.failure in [parent_failed(one.id) for one in parents if one.state is JobState.FAILED]
    reasons = [parent_cancelled(one.id) for one in parents if one.state is JobState.CANCELLED]
    return job.state is JobState.CANCELLED and job.cancel_reason in [not_needed(), *reasons]


@pytest.mark.anyio
class TestRandomGraph:
    """Whatever the graph and whoever works on it, all of it ends, and nothing begins that may not."""

    @pytest.mark.parametrize("seed", range(3))
    async def test_graph_that_many_work_off(self, store: Store, another: Another, seed: int) -> None:
        graph = Graph(chance=random.Random(seed))  # noqa: S311 - a graph to be made again, not a secret
        for _ in range(JOBS):
            graph.add()
        hands = [Hand(await another(), graph) for _ in range(HANDS)]

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(Hand(store, graph).store_all(), *(hand.work_off() for hand in hands))

        page = await store.find(JobFilter(), limit=2 * JOBS, cursor=None)
        final = {job.id: job for job in page.jobs}
        assert final.keys() == graph.jobs.keys()
        for job_id, job in final.items():
            parents = [final[parent] for parent in graph.parents(job_id)]
            endings = [one.ending for one in await store.attempts(job_id)]
            if began_rightly(graph.jobs[job_id], parents):
                assert job.state is end(job, graph.ends[job_id]).state
                assert [ending for ending in endings if ending is not Ending.RETURNED] == [str(job.state)]
            else:
                assert (endings, job.token) == ([], 0)
                assert tells(job, parents)

"""Flows: what is counted, listed and filtered by whom it belongs to."""

import pytest

from workmill.store import Flow, JobFilter, Store
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
)
from workmill.words.errors import InvalidOption
from workmill.words.job import Job, JobState, NewJob
from workmill.words.limit import Gate
from workmill.words.outcome import Failed
from workmill.words.policy import Policy
from workmill.words.ties import After, Feed, Needs, Ties


def part_of(flow: str, *parents: NewJob, policy: Policy = PATIENT) -> NewJob:
    """Make a job of a flow that is not stored yet."""
    after = After(jobs=tuple(parent.id for parent in parents)) if parents else None
    return new_job(policy=policy, after=after, ties=Ties(flow=flow))


async def jobs_of(store: Store, wanted: JobFilter) -> list[str]:
    """Return the ids of the jobs that a filter lets through, newest first."""
    return [job.id for job in (await store.find(wanted, limit=100, cursor=None)).jobs]


@pytest.mark.anyio
class TestTies:
    """What binds a job to others is stored and read with it."""

    async def test_ties_come_back_whole(self, store: Store) -> None:
        gates = (Gate(name="tenant", key='a"b\\{c},é'), Gate(name="region", key=""))
        ties = Ties(
            gates=gates,
            flow="f-1",
            schedule="nightly",
            tick=await store.now(),
            feed=Feed.RESULTS,
            needs=Needs.END,
        )

        job = await add(store, new_job(ties=ties))

        assert job.ties == ties
        assert await stored(store, job.id) == job
        (claimed,) = await store.claim(request(await hired(store)))
        assert claimed.ties == ties
        await settle(store, end(claimed))
        assert (await stored(store, job.id)).ties == ties

    async def test_ties_stay_while_a_job_waits_and_runs_again(self, store: Store, harness: Harness) -> None:
        parent = await running(store)
        new = new_job(policy=PATIENT, after=After(jobs=(parent.id,)), ties=Ties(flow="f"))
        waiting = await add(store, new)
        await settle(store, end(parent))
        (job,) = await store.claim(request(await hired(store)))
        await settle(store, end(job, Failed(failure=ERROR)))
        retrying = await stored(store, job.id)
        await harness.advance(10 * SECOND)
        await store.promote(10)

        assert waiting.ties == job.ties == retrying.ties == (await stored(store, job.id)).ties == Ties(flow="f")

    @pytest.mark.parametrize("ties", [None, Ties()])
    async def test_no_ties_come_back_as_none_to_speak_of(self, store: Store, ties: Ties | None) -> None:
        assert (await add(store, new_job(ties=ties))).ties in (None, Ties())


@pytest.mark.anyio
class TestFlow:
    """How a flow stands is said of all of its stored jobs."""

    async def test_jobs_of_a_flow_are_counted_by_state(self, store: Store, harness: Harness) -> None:
        created_at = await store.now()
        first = part_of("f")
        await store.enqueue([first])
        await harness.advance(SECOND)
        await store.enqueue([part_of("f", first), part_of("f", first), part_of("g"), new_job(task="other")])
        assert await store.flow("f") == Flow(
            id="f", created_at=created_at, counts={JobState.WAITING: 2, JobState.QUEUED: 1}
        )

        (job,) = await store.claim(request(await hired(store)))
        assert await self.counts(store) == {JobState.WAITING: 2, JobState.RUNNING: 1}
        await settle(store, end(job))
        assert await self.counts(store) == {JobState.SUCCEEDED: 1, JobState.QUEUED: 2}

    async def counts(self, store: Store) -> dict[JobState, int]:
        """Return the counts of the flow `f`, which must be stored."""
        flow = await store.flow("f")
        assert flow is not None
        return flow.counts

    async def test_every_change_of_state_is_counted(self, store: Store, harness: Harness) -> None:
        job = await ended(store, Failed(failure=ERROR), part_of("f"))
        assert await self.counts(store) == {JobState.RETRYING: 1}
        await harness.advance(10 * SECOND)
        await store.promote(10)
        assert await self.counts(store) == {JobState.QUEUED: 1}
        await store.cancel([job.id], None)
        assert await self.counts(store) == {JobState.CANCELLED: 1}

    async def test_repeated_and_refused_jobs_are_not_counted(self, store: Store) -> None:
        new = part_of("f")
        await store.enqueue([new])
        await store.enqueue([new])
        with pytest.raises(Exception, match="is to follow"):
            await store.enqueue([part_of("f"), part_of("f", new_job())])

        assert await self.counts(store) == {JobState.QUEUED: 1}

    async def test_unknown_flow_is_none(self, store: Store) -> None:
        await add(store, new_job())

        assert await store.flow("f") is None

    async def test_flow_goes_with_its_last_job(self, store: Store, harness: Harness) -> None:
        await ended(store, new=part_of("f", policy=Policy(keep=SECOND)))
        await ended(store, new=part_of("f", policy=Policy(keep=5 * SECOND)))
        await harness.advance(SECOND)
        await store.prune(10)
        assert await self.counts(store) == {JobState.SUCCEEDED: 1}
        await harness.advance(5 * SECOND)

        await store.prune(10)

        assert await store.flow("f") is None
        assert (await store.flows(limit=10, cursor=None)).flows == ()


@pytest.mark.anyio
class TestFlows:
    """Flows are listed page by page, those begun last first."""

    async def test_those_begun_last_come_first(self, store: Store, harness: Harness) -> None:
        for name in ("b", "a", "c"):
            await store.enqueue([part_of(name)])
            await harness.advance(SECOND)
        await store.enqueue([part_of("b")])

        page = await store.flows(limit=10, cursor=None)

        assert page.next_cursor is None
        assert [(flow.id, flow.counts) for flow in page.flows] == [
            ("c", {JobState.QUEUED: 1}),
            ("a", {JobState.QUEUED: 1}),
            ("b", {JobState.QUEUED: 2}),
        ]
        assert list(page.flows) == [await store.flow(name) for name in ("c", "a", "b")]

    async def test_flows_of_one_batch_are_in_its_order(self, store: Store) -> None:
        await store.enqueue([part_of(name) for name in ("b", "c", "a", "b")])

        assert [flow.id for flow in (await store.flows(limit=10, cursor=None)).flows] == ["a", "c", "b"]

    async def test_pages_hold_each_flow_once(self, store: Store) -> None:
        names = [f"f{number}" for number in range(7)]
        for name in names:
            await store.enqueue([part_of(name)])
        pages, cursor = list[list[str]](), None

        while not pages or cursor is not None:
            page = await store.flows(limit=3, cursor=cursor)
            pages.append([flow.id for flow in page.flows])
            cursor = page.next_cursor
            await store.enqueue([part_of(f"later{len(pages)}"), part_of("f0")])

        assert pages == [["f6", "f5", "f4"], ["f3", "f2", "f1"], ["f0"]]

    async def test_page_that_takes_the_rest_is_the_last(self, store: Store) -> None:
        await store.enqueue([part_of("a"), part_of("b")])

        assert (await store.flows(limit=2, cursor=None)).next_cursor is None

    async def test_no_flows_are_an_empty_page(self, store: Store) -> None:
        await add(store, new_job())

        page = await store.flows(limit=10, cursor=None)

        assert (page.flows, page.next_cursor) == ((), None)

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "1.5", "'; --"])
    async def test_foreign_cursor_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidOption, match="cursor"):
            await store.flows(limit=10, cursor=cursor)


@pytest.mark.anyio
class TestFindByTies:
    """Jobs are found by their flow and by their schedule."""

    async def test_jobs_of_flows_are_found(self, store: Store) -> None:
        ids = {name: (await add(store, part_of(name))).id for name in ("a", "b", "c")}
        await add(store, new_job())

        assert await jobs_of(store, JobFilter(flows=("a",))) == [ids["a"]]
        assert await jobs_of(store, JobFilter(flows=("a", "c", "none"))) == [ids["c"], ids["a"]]
        assert await jobs_of(store, JobFilter(flows=("none",))) == []

    async def test_jobs_of_schedules_are_found(self, store: Store) -> None:
        ties = {name: Ties(schedule=name, tick=await store.now()) for name in ("a", "b", "c")}
        ids = {name: (await add(store, new_job(ties=tie))).id for name, tie in ties.items()}
        await add(store, part_of("a"))

        assert await jobs_of(store, JobFilter(schedules=("a",))) == [ids["a"]]
        assert await jobs_of(store, JobFilter(schedules=("c", "b"))) == [ids["c"], ids["b"]]

    async def test_all_that_is_given_must_match(self, store: Store) -> None:
        ties = Ties(flow="f", schedule="s")
        job = await add(store, new_job(queue="q", ties=ties))
        await add(store, new_job(queue="other", ties=ties))
        await add(store, new_job(queue="q", ties=Ties(flow="f")))

        wanted = JobFilter(flows=("f",), schedules=("s",), queues=("q",), states=(JobState.QUEUED,))
        assert await jobs_of(store, wanted) == [job.id]
        assert await jobs_of(store, JobFilter(flows=("f",), states=(JobState.WAITING,))) == []

    async def test_jobs_in_every_state_are_found(self, store: Store) -> None:
        first = await running(store, part_of("f"))
        second = await add(store, self.following(first))
        expected = [second.id, first.id]
        assert await jobs_of(store, JobFilter(flows=("f",))) == expected

        await settle(store, end(first))
        assert await jobs_of(store, JobFilter(flows=("f",))) == expected
        await store.cancel([second.id], None)
        assert await jobs_of(store, JobFilter(flows=("f",))) == expected

    def following(self, parent: Job) -> NewJob:
        """Make a job of the same flow."""
        return new_job(after=follower(parent).after, ties=parent.ties)

    async def test_pages_of_a_flow_hold_each_job_once(self, store: Store) -> None:
        batch = [part_of(("f", "g")[number % 2]) for number in range(12)]
        await store.enqueue(batch)
        found, cursor, pages = list[str](), None, 0

        while not pages or cursor is not None:
            page = await store.find(JobFilter(flows=("f",)), limit=4, cursor=cursor)
            found += [job.id for job in page.jobs]
            cursor, pages = page.next_cursor, pages + 1

        assert found == [new.id for new in reversed(batch[::2])]

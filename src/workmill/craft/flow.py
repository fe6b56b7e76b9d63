"""Jobs that belong together: chains, groups, chords, and any graph without a circle."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from workmill.craft.following import STEP, Parent, checked_after, following, is_step
from workmill.craft.ids import new_id
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.ties import After, Feed, Needs

MOST_NAMED = 20
"""How many jobs of a circle are named."""


class Flow:
    """Jobs with dependencies, stored in one transaction by `app.enqueue_flow(flow)`.

    Example:
        ```python
        flow = Flow()
        pages = [flow.add(fetch.job(url)) for url in urls]
        report = flow.add(summarize.step(), after=pages)
        flow.add(tidy_up.job(), after=report, needs="end")
        app.enqueue_flow(flow).results(timeout=60)
        ```
    """

    def __init__(self) -> None:
        self.id = new_id()
        self._jobs: dict[str, NewJob] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def add(
        self, job: NewJob, *, after: Parent | Sequence[Parent] | None = None, needs: Needs | str | None = None
    ) -> NewJob:
        """Add a job, and return it as it is in this flow, to be named in the `after` of others.

        Args:
            job: What `task.job(...)` or `task.step(...)` has made.
            after: The jobs that it follows: of this flow, those added later included, or stored ones.
            needs: `success` of all of them, unless given: if one fails, it fails too. Or `end`, however they end; or
                `failure`: of one of them.

        Raises:
            InvalidOption: It is no job, is in the flow already, or a step that follows nobody.
        """
        if not isinstance(job, NewJob):
            raise InvalidOption("job", job, "give what `task.job(...)` or `task.step(...)` has made")
        if job.id in self._jobs:
            raise InvalidOption("job", job.id, f"this job of {job.task} is in the flow already; make another")
        given = checked_after(after, needs)
        return self._add(job if given is None else following(job, _joined(job.after, given)))

    def jobs(self) -> list[NewJob]:
        """Return the jobs as they are to be stored: each behind those that it follows, else as they were added.

        Raises:
            InvalidOption: Some follow each other in a circle.
        """
        seen = set[str]()
        for job in self._jobs.values():
            if any(parent in self._jobs and parent not in seen for parent in _parents(job)):
                return self._sorted()
            seen.add(job.id)
        return list(self._jobs.values())

    def _add(self, job: NewJob) -> NewJob:
        if is_step(job) and job.after is None:
            remedy = "the first job of a flow gets nothing; make it by `task.job(...)`, or name whom it follows"
            raise InvalidOption("step", job.task, remedy)
        needs = Needs.SUCCESS if job.after is None else job.after.needs
        feed = Feed.NOTHING if job.ties is None else job.ties.feed
        added = replace(job, ties=replace(job.ties or STEP, feed=feed, needs=needs, flow=self.id))
        self._jobs[added.id] = added
        return added

    def _sorted(self) -> list[NewJob]:
        within = {job.id: [parent for parent in _parents(job) if parent in self._jobs] for job in self._jobs.values()}
        try:
            return [self._jobs[job_id] for job_id in TopologicalSorter(within).static_order()]
        except CycleError as error:
            circle: list[str] = error.args[1]
            named = " → ".join(f"{self._jobs[job_id].task} ({job_id})" for job_id in circle[:MOST_NAMED])
            more = f" → … {len(circle) - MOST_NAMED} more" if len(circle) > MOST_NAMED else ""
            remedy = f"these jobs follow each other in a circle: {named}{more}; let one of them go first"
            raise InvalidOption("after", error.args[1][0], remedy) from None


def chain(*jobs: NewJob) -> Flow:
    """Make a flow of jobs one after the other; a step gets the result of the one before it.

    Raises:
        InvalidOption: One is no job, or the first is a step.
    """
    flow = Flow()
    before: NewJob | None = None
    for job in jobs:
        before = flow.add(job, after=before)
    return flow


def group(*jobs: NewJob) -> Flow:
    """Make a flow of jobs side by side.

    Raises:
        InvalidOption: One is no job, or a step.
    """
    flow = Flow()
    for job in jobs:
        flow.add(job)
    return flow


def chord(jobs: Iterable[NewJob], total: NewJob) -> Flow:
    """Make a flow of jobs side by side and one that follows all of them; a step gets the list of their results.

    Raises:
        InvalidOption: One is no job, or one but the last is a step.
    """
    flow = group(*jobs)
    members = After(jobs=tuple(job.id for job in flow.jobs()))
    if not isinstance(total, NewJob):
        raise InvalidOption("total", total, "give what `task.step(...)` or `task.job(...)` has made")
    last = following(total, _joined(total.after, members))
    if is_step(last):
        last = replace(last, ties=replace(last.ties or STEP, feed=Feed.RESULTS))  # A list also where there is one.
    flow.add(last)
    return flow


def _parents(job: NewJob) -> tuple[str, ...]:
    return () if job.after is None else job.after.jobs


def _joined(before: After | None, more: After) -> After:
    if before is None:
        return more
    needs = more.needs if before.needs is Needs.SUCCESS else before.needs
    return After(jobs=tuple(dict.fromkeys(before.jobs + more.jobs)), needs=needs)

"""The first page: how it goes, at a glance, with a way into everything it names."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from workmill import Count, Finding, JobState, Level, QueueInfo
from workmill.dashboard.access import Access
from workmill.dashboard.door import Door
from workmill.dashboard.recent import recent, troubles
from workmill.dashboard.rendering import plural
from workmill.dashboard.route import Route

LOOKED_AT = 500
"""How many jobs that ended are summed up."""
FAILURES_LOOKED_AT = 100
TROUBLES_SHOWN = 8
QUEUES_SHOWN = 30
CONCERNS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Something that will not get better by itself."""

    text: str
    remedy: str


async def show_overview(request: Request, door: Door) -> Response:
    """Answer the overview."""
    app = door.app
    queues, workers, counts = await app.aqueues(), await app.aworkers(), await app.acounts()
    ended = await app.ajobs(states=("succeeded", "failed"), limit=LOOKED_AT)
    failed = await app.ajobs(states=("failed",), limit=FAILURES_LOOKED_AT)
    live = [worker for worker in workers if worker.is_live]
    values = {
        "queues": sorted(queues, key=_busyness)[:QUEUES_SHOWN],
        "more_queues": max(len(queues) - QUEUES_SHOWN, 0),
        "counts": _by_state(counts),
        "live_workers": live,
        "slots": sum(worker.concurrency for worker in live),
        "running": sum(worker.running for worker in live),
        "recent": recent(ended.jobs, await app.anow(), is_cut=ended.next_cursor is not None),
        "troubles": troubles(failed.jobs)[:TROUBLES_SHOWN],
        "concerns": [*_found(await door.findings()), *_starving(queues)][:CONCERNS_SHOWN],
    }
    return door.render(request, "overview.html", values)


def _by_state(counts: Iterable[Count]) -> dict[str, int]:
    summed = Counter[str]({str(state): 0 for state in JobState})
    for count in counts:
        summed[str(count.state)] += count.jobs
    return dict(summed)


def _busyness(queue: QueueInfo) -> tuple[bool, str]:
    return not (queue.unbegun or queue.counts.get(JobState.RUNNING, 0)), queue.name


def _starving(queues: Iterable[QueueInfo]) -> Iterator[Concern]:
    for queue in queues:
        if queue.unbegun and not queue.workers:
            text = f"{plural(queue.unbegun, 'job')} on queue {queue.name}, and no live worker takes it"
            yield Concern(text=text, remedy=f"workmill worker --queues {queue.name}")


def _found(findings: Iterable[Finding]) -> Iterator[Concern]:
    for finding in findings:
        if finding.level is not Level.OK:
            yield Concern(text=f"{finding.subject}: {finding.detail}", remedy=finding.remedy)


ROUTES = (Route(method="GET", path="/", name="overview", needs=Access.READ, handler=show_overview),)

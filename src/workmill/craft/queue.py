"""A queue in the caller's hand: how it stands, and the calls that pause, limit and empty it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from workmill.craft.client import Access, Session, is_storable
from workmill.craft.limits import checked_count, checked_rate
from workmill.store import Count, JobFilter, Pause, RuleState, Worker
from workmill.words.errors import CountChanged, InvalidOption
from workmill.words.job import JobState
from workmill.words.limit import Rate, Rule, Scope

UNBEGUN = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.RETRYING)
"""The states of jobs that do not run and are not over."""
PURGED_AT_ONCE = 1000
PURGE_SECONDS = 600.0
"""How long a purge may take."""
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInfo:
    """How a queue stands.

    Attributes:
        counts: How many of its stored jobs are in each state, zeros left out.
        pause: Since when and by whom it is paused, where it is.
        rule: What holds for all of its jobs together, where anything does.
        workers: The live workers that take it.
    """

    name: str
    counts: dict[JobState, int]
    pause: Pause | None
    rule: RuleState | None
    workers: tuple[Worker, ...]

    @property
    def unbegun(self) -> int:
        """How many jobs on it do not run and are not over."""
        return sum(self.counts.get(state, 0) for state in UNBEGUN)


class QueueHandle:
    """One queue, whether or not a job was ever stored on it.

    Every method blocks; its twin with an `a` before the name is awaited instead. All of them raise `StoreUnavailable`
    where the store does not answer.

    Example:
        ```python
        app.queue("mail").pause(by="anna")
        app.queue("mail").limit(running=4, waiting=1000)
        ```
    """

    __slots__ = ("_access", "name")

    def __init__(self, access: Access, name: str) -> None:
        self._access = access
        self.name = name

    def __repr__(self) -> str:
        return f"<QueueHandle {self.name}>"

    def info(self) -> QueueInfo:
        """Return how the queue stands now."""
        return self._access.run(self._info)

    async def ainfo(self) -> QueueInfo:
        """Do as `info` does, awaited."""
        return await self._access.arun(self._info)

    def pause(self, by: str | None = None) -> None:
        """Let no job on the queue begin from now on; what runs goes on. One that is paused already stays as it is.

        Args:
            by: Who does it; it is kept, and said wherever somebody asks why a job does not run.

        Raises:
            InvalidOption: `by` is no text that can be kept.
        """
        self._access.run(self._pause(by))

    async def apause(self, by: str | None = None) -> None:
        """Do as `pause` does, awaited."""
        await self._access.arun(self._pause(by))

    def resume(self) -> None:
        """Undo a pause. Safe to repeat."""
        self._access.run(self._resume)

    async def aresume(self) -> None:
        """Do as `resume` does, awaited."""
        await self._access.arun(self._resume)

    def purge(self, *, expected: int | None = None) -> int:
        """Cancel every job on the queue that has not begun, and return how many were.

        One that begins while this is done is asked to end, as `cancel` does it; jobs stored meanwhile may stay.

        Args:
            expected: How many the caller thinks there are.

        Raises:
            CountChanged: There are not that many; nothing was cancelled.
        """
        return self._access.run(self._purge(expected), timeout=PURGE_SECONDS)

    async def apurge(self, *, expected: int | None = None) -> int:
        """Do as `purge` does, awaited."""
        return await self._access.arun(self._purge(expected))

    def limit(self, *, running: int | None = None, rate: Rate | None = None, waiting: int | None = None) -> None:
        """Set what holds for all jobs on the queue, at once; what is not given does not hold any more.

        Args:
            running: How many may run at a time. Zero lets none begin.
            rate: How many attempts may begin in any stretch of a length of time.
            waiting: How many may be stored that do not run and are not over; an enqueue of more raises `QueueFull`.

        Raises:
            InvalidOption: One is out of its range.
        """
        self._access.run(self._limit(running, rate, waiting))

    async def alimit(self, *, running: int | None = None, rate: Rate | None = None, waiting: int | None = None) -> None:
        """Do as `limit` does, awaited."""
        await self._access.arun(self._limit(running, rate, waiting))

    def reset_limit(self) -> None:
        """Undo what `limit` has set. Safe to repeat."""
        self._access.run(self._reset_limit)

    async def areset_limit(self) -> None:
        """Do as `reset_limit` does, awaited."""
        await self._access.arun(self._reset_limit)

    async def _info(self, session: Session) -> QueueInfo:
        return next(each for each in await queue_infos(session, (self.name,)) if each.name == self.name)

    def _pause(self, by: str | None) -> Callable[[Session], Awaitable[None]]:
        if by is not None and not (isinstance(by, str) and 0 < len(by) <= LONGEST_NAME and is_storable(by)):
            raise InvalidOption("by", by, f"give 1 to {LONGEST_NAME} characters of text, or nothing")
        return lambda session: session.store.pause([self.name], by)

    async def _resume(self, session: Session) -> None:
        await session.store.resume([self.name])

    def _purge(self, expected: int | None) -> Callable[[Session], Awaitable[int]]:
        checked_count("expected", expected)

        async def purge(session: Session) -> int:
            info = await self._info(session)
            if expected is not None and info.unbegun != expected:
                raise CountChanged(expected, info.unbegun)
            return await _cancel_all(session, JobFilter(states=UNBEGUN, queues=(self.name,)), self.name)

        return purge

    def _limit(
        self, running: int | None, rate: Rate | None, waiting: int | None
    ) -> Callable[[Session], Awaitable[None]]:
        rule = Rule(
            scope=Scope.QUEUE,
            name=self.name,
            running=checked_count("running", running),
            rate=checked_rate("rate", rate),
            waiting=checked_count("waiting", waiting),
        )
        return lambda session: session.store.set_rules([rule])

    async def _reset_limit(self, session: Session) -> None:
        await session.store.reset_rules([(Scope.QUEUE, self.name)])


async def queue_infos(session: Session, known: Sequence[str]) -> list[QueueInfo]:
    """Return the queues, by name: those that hold jobs, those that anything was said of, and those `known` besides."""
    store = session.store
    counts = await store.counts()
    pauses = {pause.queue: pause for pause in await store.pauses()}
    rules = {state.rule.name: state for state in await store.rules() if state.rule.scope is Scope.QUEUE}
    live = [worker for worker in await store.workers() if worker.is_live]
    named = (name for worker in live for name in worker.queues or ())
    names = {*known, *named, *pauses, *rules, *(count.queue for count in counts)}
    return [
        QueueInfo(
            name=name,
            counts=_by_state(count for count in counts if count.queue == name),
            pause=pauses.get(name),
            rule=rules.get(name),
            workers=tuple(worker for worker in live if worker.queues is None or name in worker.queues),
        )
        for name in sorted(names)
    ]


def _by_state(counts: Iterator[Count]) -> dict[JobState, int]:
    found: dict[JobState, int] = {}
    for count in counts:
        found[count.state] = found.get(count.state, 0) + count.jobs
    return found


async def _cancel_all(session: Session, wanted: JobFilter, queue: str) -> int:
    cancelled, cursor = 0, None
    while True:
        page = await session.store.find(wanted, limit=PURGED_AT_ONCE, cursor=cursor)
        jobs = await session.store.cancel([job.id for job in page.jobs], f"queue {queue} was purged")
        cancelled += sum(job is not None and job.state is JobState.CANCELLED for job in jobs)
        cursor = page.next_cursor
        if cursor is None:
            return cancelled

"""A schedule in the caller's hand."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from workmill.craft.client import Client, Session
from workmill.craft.handle import JobHandle
from workmill.craft.planning import missed_of, overlap_of, with_job
from workmill.craft.ticking import tick_by_hand
from workmill.craft.when import When, check_when, when_of
from workmill.store import JobFilter, TickVerdict
from workmill.words.clock import later
from workmill.words.codec import Json
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption, ScheduleActive, ScheduleChanged, ScheduleNotFound
from workmill.words.job import Job, NewJob
from workmill.words.plan_codec import dump_plan
from workmill.words.schedule import Missed, NewSchedule, Overlap, Plan, Schedule

T = TypeVar("T")
Handled = Callable[[Job], JobHandle[Json]]
MOST_TICKS = 1000
MOST_JOBS = 1000
MOST_TRIES = 100
"""How often an edit is tried while the schedule fires."""


class ScheduleHandle:
    """One schedule: the record as it was last read, and the calls that start, stop and change it.

    Every method that asks the store blocks; its twin with an `a` before the name is awaited instead. All of them raise
    `ScheduleNotFound` where the schedule is stored no longer, and `StoreUnavailable` where the store does not answer.

    Attributes:
        info: The schedule as it was last read.
    """

    __slots__ = ("_client", "_handled", "info")

    def __init__(self, client: Client, info: Schedule, handled: Handled) -> None:
        self._client = client
        self._handled = handled
        self.info = info

    def __repr__(self) -> str:
        return f"<ScheduleHandle {self.name} {'active' if self.is_active else 'stopped'}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self.info.plan.name

    @property
    def is_active(self) -> bool:
        """Whether it went on when it was last read."""
        return self.info.is_active

    @property
    def when(self) -> When:
        """When it makes its jobs.

        Raises:
            InvalidOption: Its time zone is unknown here.
        """
        return when_of(self.info.plan.when)

    def refresh(self) -> "ScheduleHandle":
        """Read it again and return this handle."""
        return self._note(self._client.access.run(self._read))

    async def arefresh(self) -> "ScheduleHandle":
        """Do as `refresh` does, awaited."""
        return self._note(await self._client.access.arun(self._read))

    def start(self, delay: Duration | None = None, *, job: NewJob | None = None) -> "ScheduleHandle":
        """Let it go on: a loop at once, an interval one interval from now, a cron at its next time.

        However many do so at once, one succeeds.

        Args:
            delay: How long from now its first job is due instead.
            job: A job of the same task, whose arguments it has from now on.

        Raises:
            InvalidOption: The delay is no length of time, or the job is of another task.
            ScheduleActive: It goes on already.
        """
        return self._note(self._client.access.run(self._starting(delay, job)))

    async def astart(self, delay: Duration | None = None, *, job: NewJob | None = None) -> "ScheduleHandle":
        """Do as `start` does, awaited."""
        return self._note(await self._client.access.arun(self._starting(delay, job)))

    def stop(self, *, cancel_running: bool = False) -> "ScheduleHandle":
        """Let it make no more jobs, and cancel those that have not begun. Safe to repeat.

        Args:
            cancel_running: Cancel those that run, too.
        """
        return self._note(self._client.access.run(self._stopping(cancel_running=cancel_running)))

    async def astop(self, *, cancel_running: bool = False) -> "ScheduleHandle":
        """Do as `stop` does, awaited."""
        return self._note(await self._client.access.arun(self._stopping(cancel_running=cancel_running)))

    def trigger(self) -> JobHandle[Json] | None:
        """Have it make a job now, also where it is stopped; its next time stays as it is.

        Returns:
            The job; None where a job of it has not ended and its overlap rule makes no other, as for every loop.
        """
        return self._made(self._client.access.run(self._trigger, timeout=self._client.longest_enqueue))

    async def atrigger(self) -> JobHandle[Json] | None:
        """Do as `trigger` does, awaited."""
        return self._made(await self._client.access.arun(self._trigger))

    def next(self, count: int = 5) -> list[datetime]:
        """Return the next times at which it makes jobs, or would if it were started now; of a loop the next one only.

        Raises:
            InvalidOption: The count is not from 1 to 1,000, or its time zone is unknown here.
        """
        return self._client.access.run(self._upcoming(count))

    async def anext(self, count: int = 5) -> list[datetime]:
        """Do as `next` does, awaited."""
        return await self._client.access.arun(self._upcoming(count))

    def history(self, limit: int = 20) -> list[JobHandle[Json]]:
        """Return the jobs that it made last, newest first.

        Raises:
            InvalidOption: The limit is not from 1 to 1,000.
        """
        return [self._handled(job) for job in self._client.access.run(self._past(limit))]

    async def ahistory(self, limit: int = 20) -> list[JobHandle[Json]]:
        """Do as `history` does, awaited."""
        return [self._handled(job) for job in await self._client.access.arun(self._past(limit))]

    @property
    def edition(self) -> str:
        """A short text that is another whenever what it does was edited, and the same however often it fired."""
        return edition_of(self.info)

    def edit(
        self,
        *,
        job: NewJob | None = None,
        when: When | None = None,
        overlap: Overlap | str | None = None,
        missed: Missed | str | None = None,
    ) -> "ScheduleHandle":
        """Change what it does, as it was last read here; what is not given stays.

        With another `when`, an active one is due anew, counted from now. Code that declares it takes it back when what
        that declares is another than before.

        Args:
            job: What it makes from now on.
            when: When.
            overlap: What becomes of a tick while a job of it has not ended.
            missed: What becomes of ticks that were missed.

        Raises:
            InvalidOption: One of them cannot be.
            ScheduleChanged: Somebody else has edited it since it was read; look at it again.
        """
        return self._note(self._client.access.run(self._putting(self._edited(job, when, overlap, missed))))

    async def aedit(
        self,
        *,
        job: NewJob | None = None,
        when: When | None = None,
        overlap: Overlap | str | None = None,
        missed: Missed | str | None = None,
    ) -> "ScheduleHandle":
        """Do as `edit` does, awaited."""
        return self._note(await self._client.access.arun(self._putting(self._edited(job, when, overlap, missed))))

    def delete(self) -> None:
        """Stop and forget it; its jobs stay as long as they are kept. Safe to repeat."""
        self._client.access.run(self._delete)

    async def adelete(self) -> None:
        """Do as `delete` does, awaited."""
        await self._client.access.arun(self._delete)

    def _note(self, info: Schedule) -> "ScheduleHandle":
        self.info = info
        return self

    def _made(self, job: Job | None) -> JobHandle[Json] | None:
        return None if job is None else self._handled(job)

    async def _read(self, session: Session) -> Schedule:
        found = (await session.store.get_schedules([self.name]))[0]
        if found is None:
            raise ScheduleNotFound(self.name)
        return found

    def _starting(self, delay: Duration | None, job: NewJob | None) -> Callable[[Session], Awaitable[Schedule]]:
        wait = None if delay is None else checked_length("delay", delay)
        args = None if job is None else self._arguments(job)

        async def start(session: Session) -> Schedule:
            schedule, now = await self._read(session), await session.store.now()
            if schedule.is_active:
                raise ScheduleActive(self.name)
            first = when_of(schedule.plan.when).first(now) if wait is None else later(now, wait)
            if first is None:
                raise InvalidOption("when", schedule.plan.when, "it has no next time; edit it first")
            return await session.store.start_schedule(self.name, first, args=args)

        return start

    def _arguments(self, job: NewJob) -> bytes:
        plan = with_job(self.info.plan, job)
        if plan.task != self.info.plan.task:
            raise InvalidOption(
                "job", job.task, f"this schedule makes jobs of {self.info.plan.task}; give one of those"
            )
        return plan.args

    def _stopping(self, *, cancel_running: bool) -> Callable[[Session], Awaitable[Schedule]]:
        return lambda session: session.store.stop_schedule(self.name, cancel_running=cancel_running)

    async def _trigger(self, session: Session) -> Job | None:
        schedule, now = await self._read(session), await session.store.now()
        fired = (await session.store.fire([tick_by_hand(schedule.plan, now)]))[0]
        if fired.verdict is TickVerdict.STALE:
            raise ScheduleNotFound(self.name)
        self.info = await self._read(session)
        return fired.jobs[0].job if fired.jobs else None

    def _upcoming(self, count: int) -> Callable[[Session], Awaitable[list[datetime]]]:
        _check_count("count", count, MOST_TICKS)

        async def look(session: Session) -> list[datetime]:
            self.info = await self._read(session)
            now = await session.store.now()
            return upcoming(self.info, now, count)

        return look

    def _past(self, limit: int) -> Callable[[Session], Awaitable[tuple[Job, ...]]]:
        _check_count("limit", limit, MOST_JOBS)

        async def look(session: Session) -> tuple[Job, ...]:
            page = await session.store.find(JobFilter(schedules=(self.name,)), limit=limit, cursor=None)
            return page.jobs

        return look

    def _edited(
        self,
        job: NewJob | None,
        when: When | None,
        overlap: Overlap | str | None,
        missed: Missed | str | None,
    ) -> Plan:
        plan = self.info.plan if job is None else with_job(self.info.plan, job)
        return _replaced(plan, when, overlap, missed)

    def _putting(self, plan: Plan) -> Callable[[Session], Awaitable[Schedule]]:
        seen = self.info.plan

        async def put(session: Session) -> Schedule:
            tries = 0
            while True:
                stored, tries = await self._read(session), tries + 1
                if stored.plan != seen:
                    raise ScheduleChanged(self.name, stored.version)
                edited = await _edition(session, stored, plan)
                try:
                    return (await session.store.put_schedules([edited]))[0]
                except ScheduleChanged:  # It fired, was started or stopped: that is none of this edit's business.
                    if tries == MOST_TRIES:
                        raise

        return put

    async def _delete(self, session: Session) -> None:
        await session.store.delete_schedules([self.name])


def edition_of(schedule: Schedule) -> str:
    """Return a short text for what a schedule is to do."""
    return hashlib.sha256(dump_plan(schedule.plan).encode()).hexdigest()[:16]


def upcoming(schedule: Schedule, now: datetime, count: int) -> list[datetime]:
    """Return the next times at which a schedule makes jobs, or would if it were started now.

    Raises:
        InvalidOption: Its time cannot be read here.
    """
    when = when_of(schedule.plan.when)
    tick = schedule.next_at if schedule.is_active else when.first(now)
    found = list[datetime]()
    while tick is not None and len(found) < count:
        found.append(tick)
        tick = when.following(tick)
    return found


async def _edition(session: Session, stored: Schedule, plan: Plan) -> NewSchedule:
    """Return a stored schedule with another plan, to be put where it is still that version."""
    is_due_anew = plan.when != stored.plan.when
    first = when_of(plan.when).first(await session.store.now()) if is_due_anew else stored.next_at
    return NewSchedule(plan=plan, next_at=first, is_active=stored.is_active, version=stored.version)


def _replaced(plan: Plan, when: When | None, overlap: Overlap | str | None, missed: Missed | str | None) -> Plan:
    timed = plan if when is None else replace(plan, when=check_when(when).text, pause=when.pause)
    return replace(
        timed,
        overlap=timed.overlap if overlap is None else overlap_of(overlap),
        missed=timed.missed if missed is None else missed_of(missed),
    )


def _check_count(option: str, count: int, most: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise InvalidOption(option, count, f"give a whole number from 1 to {most:,}")

"""The schedules as they are stored, and what of them follows from the ends of jobs."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from workmill.store import Due, Notice, NoticeKind
from workmill.stores.memory.ears import Ears
from workmill.stores.memory.ledger import Ledger
from workmill.stores.memory.undo import Undo
from workmill.words.clock import later
from workmill.words.errors import ScheduleActive, ScheduleChanged, ScheduleNotFound
from workmill.words.job import Job
from workmill.words.schedule import NewSchedule, Plan, Schedule


class Schedules:
    """Schedules by name, what code declared of them last, and whose last job is which.

    The version of one that is stored anew is higher than any before, so that nothing made of a deleted one fits it.
    """

    def __init__(self, ledger: Ledger, ears: Ears, undo: Undo) -> None:
        self._ledger = ledger
        self._ears = ears
        self._undo = undo
        self._stored: dict[str, Schedule] = {}
        self._declared: dict[str, Plan] = {}
        self._last_jobs: dict[str, str] = {}
        self._newest_version = 0

    def get(self, name: str) -> Schedule | None:
        """Return a schedule."""
        return self._stored.get(name)

    def known(self, name: str) -> Schedule:
        """Return a schedule that must be stored.

        Raises:
            ScheduleNotFound: It is not.
        """
        schedule = self._stored.get(name)
        if schedule is None:
            raise ScheduleNotFound(name)
        return schedule

    def by_name(self, behind: str | None) -> list[Schedule]:
        """Return the schedules whose names come behind another (None: all), in the order of their names."""
        return [self._stored[name] for name in sorted(self._stored) if behind is None or name > behind]

    def due(self, now: datetime, limit: int) -> Due:
        """Return the schedules that are due, those longest due first."""
        timed = sorted((one.next_at, one.plan.name) for one in self._stored.values() if one.next_at is not None)
        due = [name for next_at, name in timed if next_at <= now][:limit]
        rest = timed[len(due) :]
        next_in = max(rest[0][0] - now, now - now) if rest else None
        return Due(now=now, schedules=tuple(self._stored[name] for name in due), next_in=next_in)

    def put(self, new: NewSchedule, now: datetime) -> Schedule:
        """Store a schedule, or edit the one of its name.

        Raises:
            ScheduleChanged: It is not the one that the edit was made of.
        """
        before = self._stored.get(new.plan.name)
        if new.version is not None and new.version != (0 if before is None else before.version):
            raise ScheduleChanged(new.plan.name, None if before is None else before.version)
        if before is None:
            return self._add(new, now, is_declared=False)
        return self.write(replace(before, plan=new.plan, is_active=new.is_active, next_at=new.next_at), now)

    def declare(self, new: NewSchedule, now: datetime) -> None:
        """Store what code says of a schedule, unless that is what it said before."""
        name = new.plan.name
        before = self._stored.get(name)
        if before is None:
            self._add(new, now, is_declared=True)
        elif self._declared.get(name) != new.plan:
            self.write(replace(before, plan=new.plan, next_at=new.next_at, is_declared=True), now)
        self._declared[name] = new.plan

    def start(self, name: str, next_at: datetime, args: bytes | None, now: datetime) -> Schedule:
        """Make a schedule active.

        Raises:
            ScheduleActive, ScheduleNotFound: It is already; there is none.
        """
        before = self.known(name)
        if before.is_active:
            raise ScheduleActive(name)
        plan = before.plan if args is None else replace(before.plan, args=args)
        return self.write(replace(before, plan=plan, is_active=True, next_at=next_at), now)

    def stop(self, name: str, now: datetime) -> Schedule:
        """Make a schedule inactive.

        Raises:
            ScheduleNotFound: There is none.
        """
        before = self.known(name)
        return self.write(replace(before, is_active=False), now) if before.is_active else before

    def forget(self, name: str) -> None:
        """Forget a schedule."""
        schedule = self._stored.pop(name)
        self._declared.pop(name, None)
        self._last_jobs.pop(schedule.last_job or "", None)

    def write(self, wanted: Schedule, now: datetime) -> Schedule:
        """Store a change of a schedule, with `is_active` and `next_at` as they can be, and its version raised."""
        before = self._stored[wanted.plan.name]
        self._newest_version += 1
        after = replace(self._settled(wanted), version=self._newest_version, changed_at=now)
        self._keep(after)
        self._undo.note(lambda: self._keep(before))
        if after.next_at is not None and after.next_at != before.next_at:
            self._ears.tell(Notice(kind=NoticeKind.SCHEDULED))
        return after

    def follow(self, ended: Iterable[Job], now: datetime) -> None:
        """Let loops whose last job has just ended be due after their pause."""
        for job in ended:
            schedule = self._stored.get(self._last_jobs.get(job.id, ""))
            if schedule is not None and schedule.is_active and schedule.plan.pause is not None:
                self.write(replace(schedule, next_at=later(now, schedule.plan.pause)), now)

    def _add(self, new: NewSchedule, now: datetime, *, is_declared: bool) -> Schedule:
        blank = Schedule(
            plan=new.plan,
            is_declared=is_declared,
            is_active=False,
            next_at=None,
            last_at=None,
            last_job=None,
            version=0,
            created_at=now,
            changed_at=now,
        )
        self._stored[new.plan.name] = blank
        self._undo.note(lambda: self.forget(new.plan.name))
        return self.write(replace(blank, is_active=new.is_active, next_at=new.next_at), now)

    def _settled(self, wanted: Schedule) -> Schedule:
        """Return a schedule that has no next time where it is not active, nor while the job of a loop has not ended."""
        last = self._ledger.jobs.get(wanted.last_job or "")
        is_under_way = wanted.plan.pause is not None and last is not None and not last.state.is_final
        is_active = wanted.is_active and (is_under_way or wanted.next_at is not None)
        return replace(wanted, is_active=is_active, next_at=wanted.next_at if is_active and not is_under_way else None)

    def _keep(self, schedule: Schedule) -> None:
        name = schedule.plan.name
        self._last_jobs.pop(self._stored[name].last_job or "", None)
        self._stored[name] = schedule
        if schedule.last_job is not None:
            self._last_jobs[schedule.last_job] = name

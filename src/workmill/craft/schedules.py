"""The schedules of a store, by name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from workmill.craft.client import Client, Session
from workmill.craft.planning import plan_of
from workmill.craft.schedule_handle import Handled, ScheduleHandle
from workmill.craft.when import When, when_of
from workmill.words.clock import later
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption, ScheduleNotFound
from workmill.words.job import NewJob
from workmill.words.names import NAME
from workmill.words.schedule import Missed, NewSchedule, Overlap, Plan, Schedule

Listed: TypeAlias = tuple[list[Schedule], str | None]
LONGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage:
    """Schedules by name, and where the next page begins (None: this was the last)."""

    schedules: tuple[ScheduleHandle, ...]
    next_cursor: str | None


class Schedules:
    """What `app.schedules` is: schedules that code declares and those that were made at run time.

    Example:
        ```python
        app.schedules.create("backup-7", backup.job(7), Cron("0 3 * * *", tz="Europe/Berlin"))
        app.schedules["backup-7"].stop()
        ```
    """

    def __init__(self, client: Client, handled: Handled) -> None:
        self._client = client
        self._handled = handled

    def __getitem__(self, name: str) -> ScheduleHandle:
        return self.get(name)

    def get(self, name: str) -> ScheduleHandle:
        """Return a handle on a stored schedule.

        Raises:
            ScheduleNotFound: There is none of this name; one that code declares is stored when a worker starts.
        """
        return self._handle(self._client.access.run(self._reading(name)))

    async def aget(self, name: str) -> ScheduleHandle:
        """Do as `get` does, awaited."""
        return self._handle(await self._client.access.arun(self._reading(name)))

    def list(self, *, limit: int = 100, cursor: str | None = None) -> SchedulePage:
        """List the schedules by name.

        Raises:
            InvalidOption: The limit is not from 1 to 1,000, or the cursor is none.
        """
        return self._page(self._client.access.run(self._listing(limit, cursor)))

    async def alist(self, *, limit: int = 100, cursor: str | None = None) -> SchedulePage:
        """Do as `list` does, awaited."""
        return self._page(await self._client.access.arun(self._listing(limit, cursor)))

    def create(
        self,
        name: str,
        job: NewJob,
        when: When,
        *,
        active: bool = True,
        delay: Duration | None = None,
        overlap: Overlap | str = Overlap.SKIP,
        missed: Missed | str = Missed.ONCE,
    ) -> ScheduleHandle:
        """Store a new schedule.

        Args:
            name: Up to 128 of the characters `A-Z a-z 0-9 _ . : -`.
            job: What it makes, by `task.job(...)`.
            when: `Cron`, `Every` or `Loop`.
            active: Whether it begins at once, or waits to be started.
            delay: How long from now its first job is due, where not at its own first time.
            overlap: What becomes of a tick while a job of it has not ended: `skip`, `queue`, `cancel` or `allow`.
            missed: What becomes of ticks while no worker ran: `once`, for all of them one job; `skip`; or `all`.

        Raises:
            InvalidOption: One of them cannot be.
            ScheduleChanged: There is one of this name.
        """
        plan = plan_of(name, job, when, overlap=overlap, missed=missed)
        return self._handle(self._client.access.run(self._storing(plan, delay, active=active)))

    async def acreate(
        self,
        name: str,
        job: NewJob,
        when: When,
        *,
        active: bool = True,
        delay: Duration | None = None,
        overlap: Overlap | str = Overlap.SKIP,
        missed: Missed | str = Missed.ONCE,
    ) -> ScheduleHandle:
        """Do as `create` does, awaited."""
        plan = plan_of(name, job, when, overlap=overlap, missed=missed)
        return self._handle(await self._client.access.arun(self._storing(plan, delay, active=active)))

    def edit(
        self,
        name: str,
        *,
        job: NewJob | None = None,
        when: When | None = None,
        overlap: Overlap | str | None = None,
        missed: Missed | str | None = None,
    ) -> ScheduleHandle:
        """Change what a schedule does, as `ScheduleHandle.edit` says."""
        return self.get(name).edit(job=job, when=when, overlap=overlap, missed=missed)

    async def aedit(
        self,
        name: str,
        *,
        job: NewJob | None = None,
        when: When | None = None,
        overlap: Overlap | str | None = None,
        missed: Missed | str | None = None,
    ) -> ScheduleHandle:
        """Do as `edit` does, awaited."""
        return await (await self.aget(name)).aedit(job=job, when=when, overlap=overlap, missed=missed)

    def delete(self, name: str) -> None:
        """Stop and forget a schedule; its jobs stay as long as they are kept. An unknown name is no error."""
        self._client.access.run(_deleting(name))

    async def adelete(self, name: str) -> None:
        """Do as `delete` does, awaited."""
        await self._client.access.arun(_deleting(name))

    def _handle(self, info: Schedule) -> ScheduleHandle:
        return ScheduleHandle(self._client, info, self._handled)

    def _page(self, found: Listed) -> SchedulePage:
        return SchedulePage(schedules=tuple(map(self._handle, found[0])), next_cursor=found[1])

    def _reading(self, name: str) -> Callable[[Session], Awaitable[Schedule]]:
        async def read(session: Session) -> Schedule:
            is_name = isinstance(name, str) and NAME.fullmatch(name) is not None
            found = (await session.store.get_schedules([name]))[0] if is_name else None
            if found is None:
                raise ScheduleNotFound(name)
            return found

        return read

    def _listing(self, limit: int, cursor: str | None) -> Callable[[Session], Awaitable[Listed]]:
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST_PAGE:
            raise InvalidOption("limit", limit, f"give a whole number from 1 to {LONGEST_PAGE:,}")
        return lambda session: session.store.schedules(limit=limit, cursor=cursor)

    def _storing(self, plan: Plan, delay: Duration | None, *, active: bool) -> Callable[[Session], Awaitable[Schedule]]:
        wait = None if delay is None else checked_length("delay", delay)

        async def store(session: Session) -> Schedule:
            now = await session.store.now()
            first = when_of(plan.when).first(now) if wait is None else later(now, wait)
            new = NewSchedule(plan=plan, next_at=first if active else None, is_active=active, version=0)
            return (await session.store.put_schedules([new]))[0]

        return store


def _deleting(name: str) -> Callable[[Session], Awaitable[None]]:
    return lambda session: session.store.delete_schedules([name])

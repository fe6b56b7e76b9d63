"""The scheduler: lets schedules make their jobs when they are due."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workmill.craft.ticking import tick_of
from workmill.craft.when import when_of
from workmill.running.duty import Duty
from workmill.running.elapsed import Sleep
from workmill.store import Due, NoticeKind, Store
from workmill.words.emit import Emit
from workmill.words.errors import InvalidOption
from workmill.words.events import DutyFailed
from workmill.words.schedule import Schedule, Tick

BATCH = 200
POLL_SECONDS = 5.0
"""The longest sleep, should the notice of a schedule that was started be lost."""
SHORTEST_SECONDS = 0.001
"""The shortest sleep: a time that the store rounds must not make the scheduler spin."""
NAME = "fire schedules"


def scheduler(store: Store, *, emit: Emit) -> Duty:
    """Fire what is due, then sleep until the next schedule is, or until one gets another time.

    Two schedulers at once do no harm: the store lets one of them fire a tick.
    """

    @asynccontextmanager
    async def until_scheduled() -> AsyncIterator[Sleep]:
        async with store.listen(frozenset({NoticeKind.SCHEDULED})) as ear:
            yield ear.next

    return Duty(NAME, _Scheduling(store, emit).fire, emit=emit, waiting=until_scheduled)


class _Scheduling:
    def __init__(self, store: Store, emit: Emit) -> None:
        self._store = store
        self._emit = emit
        self._unreadable = dict[str, int]()

    async def fire(self) -> float:
        # Those that cannot be read here come again: asking for so many more keeps them from filling the batch.
        limit = BATCH + len(self._unreadable)
        due = await self._store.due(limit)
        ticks = self._ticks(due)
        if ticks:
            await self._store.fire(ticks)
            return SHORTEST_SECONDS  # Of what was due more may be due; and the next time is known only now.
        if due.next_in is None:
            return POLL_SECONDS
        return min(max(due.next_in.total_seconds(), SHORTEST_SECONDS), POLL_SECONDS)

    def _ticks(self, due: Due) -> list[Tick]:
        unreadable = dict[str, int]()
        ticks = list[Tick]()
        for schedule in due.schedules:
            try:
                ticks.append(tick_of(schedule, when_of(schedule.plan.when), due.now))
            except InvalidOption as error:
                unreadable[schedule.plan.name] = schedule.version
                self._say(schedule, error)
        self._unreadable = unreadable
        return ticks

    def _say(self, schedule: Schedule, error: InvalidOption) -> None:
        """Say what is wrong with a schedule, once as long as it stays so."""
        if self._unreadable.get(schedule.plan.name) != schedule.version:
            self._emit(DutyFailed(duty=NAME, error=f"schedule {schedule.plan.name!r}: {error}"))

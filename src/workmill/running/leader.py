"""The leader: one worker among all does the duties that need doing once."""

import asyncio
from collections.abc import Callable, Sequence

from workmill.running.duty import Duty
from workmill.running.promoter import promoter
from workmill.running.pruner import pruner
from workmill.running.rescuer import rescuer
from workmill.running.scheduler import scheduler
from workmill.running.switch import Switch
from workmill.store import Store
from workmill.words.emit import Emit


def duties_of(store: Store, *, emit: Emit) -> tuple[Duty, ...]:
    """Return all duties of a leader, over one store."""
    makers = (rescuer, promoter, scheduler, pruner)
    return tuple(make(store, emit=emit) for make in makers)


async def lead(leads: Switch, duties: Callable[[], Sequence[Duty]]) -> None:
    """Do the duties whenever this worker leads, until cancelled.

    Two workers may do them at once for a moment, when a leader does not know yet that it is none any more. That harms
    nothing: every write of a duty is fenced or safe to repeat.
    """
    while True:
        await leads.until_on()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(duty.run(), name=f"workmill {duty.name}") for duty in duties()]
            await leads.until_off()
            for task in tasks:
                task.cancel()

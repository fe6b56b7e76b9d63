"""The pruner: deletes finished jobs that are past their keep time."""

from workmill.running.duty import Duty
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.events import JobsPruned

BATCH = 500
POLL_SECONDS = 60.0
BREATH_SECONDS = 0.05
"""The pause between batches, so that a long backlog of old jobs never keeps new ones waiting."""


def pruner(store: Store, *, emit: Emit) -> Duty:
    """Prune in batches until nothing is past its time, then again a minute later."""

    async def prune() -> float:
        count = await store.prune(BATCH)
        if count:
            emit(JobsPruned(count=count))
        return BREATH_SECONDS if count >= BATCH else POLL_SECONDS

    return Duty("prune", prune, emit=emit)

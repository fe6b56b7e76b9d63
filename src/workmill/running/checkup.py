"""What a worker says of its store at the start: all that is not as it should be, once."""

import asyncio

from workmill.store import Level, Store
from workmill.words.emit import Emit
from workmill.words.events import StoreAmiss

LOOK_SECONDS = 60.0


async def say_what_is_amiss(store: Store, *, emit: Emit) -> None:
    """Look at the store's health and emit what is found amiss. It never fails: a worker must work all the same."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            findings = await store.diagnose()
    except Exception as error:  # noqa: BLE001 - at the edge: whatever it is, it is said
        detail = f"its health cannot be looked at: {str(error) or type(error).__name__}"
        emit(StoreAmiss(subject="store", detail=detail, remedy="mend that first"))
        return
    for found in findings:
        if found.level is not Level.OK:
            emit(StoreAmiss(subject=found.subject, detail=found.detail, remedy=found.remedy))

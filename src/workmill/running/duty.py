"""What every background duty shares: round after round, waiting as long as each says, whatever the store does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from workmill.running.elapsed import Sleep
from workmill.running.patience import pause_after
from workmill.words.emit import Emit
from workmill.words.errors import StoreError
from workmill.words.events import DutyFailed, StoreFailing

Round: TypeAlias = Callable[[], Awaitable[float]]
"""Does what is due now; answers in how many seconds something may be due again."""


@asynccontextmanager
async def sleeping() -> AsyncIterator[Sleep]:
    """Wait between rounds for as long as the round said."""
    yield asyncio.sleep


class Duty:
    """One duty, done by `run` for ever. An error costs it a pause, never its life.

    Args:
        name: A verb, for the log.
        do_round: One round.
        waiting: Opened before the first round: how to wait between rounds, such as until a notice comes.
        sleep: How to wait after an error.
    """

    def __init__(
        self,
        name: str,
        do_round: Round,
        *,
        emit: Emit,
        waiting: Callable[[], AbstractAsyncContextManager[Sleep]] = sleeping,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._do_round = do_round
        self._emit = emit
        self._waiting = waiting
        self._sleep = sleep
        self._failures = 0

    async def run(self) -> None:
        """Do rounds until cancelled."""
        while True:
            try:
                await self._do_rounds()
            except Exception as error:  # noqa: BLE001 - a loop's edge
                await self._pause_after(error)

    async def _do_rounds(self) -> None:
        async with self._waiting() as wait:
            while True:
                await wait(await self._do_round())
                self._failures = 0

    async def _pause_after(self, error: Exception) -> None:
        self._failures += 1
        pause = pause_after(self._failures)
        if isinstance(error, StoreError):
            self._emit(StoreFailing(verb=self.name, error=str(error), retry_seconds=pause))
        else:
            self._emit(DutyFailed(duty=self.name, error=repr(error)))
        await self._sleep(pause)

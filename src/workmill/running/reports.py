"""Progress on its way from running code to the store: the newest word of each job, written a few times a second."""

import asyncio
from collections.abc import Callable, Iterable

from workmill.craft.run import Run
from workmill.store import Report, Store
from workmill.words.emit import Emit
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.events import StaleWriteRefused, StoreFailing
from workmill.words.job import Progress

REPORT_SECONDS = 0.25
"""Progress is written at most this often, and once more before its attempt is settled."""


class Reports:
    """What running jobs said of their progress and the store does not know yet. It belongs to one event loop.

    Args:
        is_ours: Whether a run is still one of the engine's; any other is heard no more.
    """

    def __init__(self, *, store: Store, emit: Emit, is_ours: Callable[[Run], bool]) -> None:
        self._store = store
        self._emit = emit
        self._is_ours = is_ours
        self._loop = asyncio.get_running_loop()
        self._newest: dict[str, tuple[Run, Progress]] = {}
        self._has_any = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, run: Run, progress: Progress) -> None:
        """Keep a progress until it is written, in place of what the job said before. From any thread."""
        if not self._is_ours(run):
            return
        # A dict assignment is atomic; the event is set on the loop that waits for it.
        self._newest[run.job.id] = (run, progress)
        if not self._has_any.is_set():
            self._loop.call_soon_threadsafe(self._has_any.set)

    async def write_for_ever(self) -> None:
        """Write what there is, again and again."""
        while True:
            await self._has_any.wait()
            self._has_any.clear()
            try:
                await self.write(list(self._newest))
            except StoreUnavailable:
                self._has_any.set()  # Kept for the next round, or overtaken by a newer word.
            await asyncio.sleep(REPORT_SECONDS)

    async def write(self, job_ids: Iterable[str]) -> None:
        """Write the newest progress of these jobs, where there is any, after what is being written already.

        Raises:
            StoreUnavailable: Nothing is lost: it is written later.
        """
        async with self._writing:
            said = [self._newest.pop(job_id) for job_id in job_ids if job_id in self._newest]
            if said:
                await self._write(said)

    async def _write(self, said: list[tuple[Run, Progress]]) -> None:
        reports = [Report(job_id=run.job.id, token=run.job.token, progress=progress) for run, progress in said]
        try:
            stored = await self._store.report(reports)
        except StoreUnavailable:
            for run, progress in said:
                self._newest.setdefault(run.job.id, (run, progress))
            raise
        except StoreError as error:  # It will never take them; a progress is not worth a job.
            self._emit(StoreFailing(verb="report progress", error=str(error), retry_seconds=REPORT_SECONDS))
            return
        for (run, _), is_stored in zip(said, stored, strict=True):
            if not is_stored and run.finish is None:  # Else its job may have ended by itself meanwhile.
                self._emit(StaleWriteRefused(job_id=run.job.id, token=run.job.token, verb="report"))

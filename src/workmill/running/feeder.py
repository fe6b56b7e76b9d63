"""Jobs that get the results of those that they follow: fetched as they begin, for all that begin together at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from workmill.craft.feeding import ParentMissing, fed, food, missing, needed_records
from workmill.craft.run import Run
from workmill.craft.task import AnyTask
from workmill.running.patience import pause_after
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.errors import StoreError
from workmill.words.events import StoreFailing
from workmill.words.job import Job
from workmill.words.outcome import Failed

BATCH = 1000
"""How many records are read at once."""


class Feeder:
    """Gives the runs of one engine what they get, before their code runs; other runs never come here."""

    def __init__(self, store: Store, tasks: Mapping[str, AnyTask], emit: Emit) -> None:
        self._store = store
        self._tasks = tasks
        self._emit = emit
        self._turn = asyncio.Lock()
        self._hungry: dict[str, Run] = {}
        self._refused: dict[str, Failed | None] = {}

    async def feed(self, run: Run) -> Failed | None:
        """Put into the run's arguments what it gets; return how it fails where that is not there any more.

        While the store fails it is asked again, until the run is asked to end.
        """
        self._hungry[run.job.id] = run
        try:
            async with self._turn:
                if run.job.id in self._hungry:  # Else whoever was first has fetched for all.
                    await self._fetch_for_all(run)
            return self._refused.get(run.job.id)
        finally:
            self._hungry.pop(run.job.id, None)
            self._refused.pop(run.job.id, None)

    async def _fetch_for_all(self, first: Run) -> None:
        failures = 0
        await asyncio.sleep(0)  # Those that were claimed with it come, too.
        while first.job.id in self._hungry and not first.is_asked:
            try:
                await self._fetch(dict(self._hungry))
            except StoreError as error:
                failures += 1
                pause = pause_after(failures)
                self._emit(StoreFailing(verb="read results", error=str(error), retry_seconds=pause))
                await asyncio.sleep(pause)

    async def _fetch(self, runs: Mapping[str, Run]) -> None:
        found = await self._store.parents(list(runs))
        parents = dict(zip(runs, found, strict=True))
        wanted = {parent for job_id, run in runs.items() for parent in needed_records(run.job, parents[job_id])}
        records = await self._read(list(wanted))
        for job_id, run in runs.items():
            self._hungry.pop(job_id, None)
            self._refused[job_id] = self._serve(run, parents[job_id], records)

    async def _read(self, job_ids: list[str]) -> dict[str, Job | None]:
        records: dict[str, Job | None] = {}
        for start in range(0, len(job_ids), BATCH):
            some = job_ids[start : start + BATCH]
            records.update(zip(some, await self._store.get(some), strict=True))
        return records

    def _serve(self, run: Run, parents: tuple[str, ...], records: Mapping[str, Job | None]) -> Failed | None:
        task = self._tasks.get(run.job.task)
        if task is None or not task.signature.parameters:
            return None  # Whoever runs it says so.
        try:
            value = food(run.job, parents, records)
        except ParentMissing as error:
            return Failed(failure=missing(error), retryable=False)
        run.job = replace(run.job, args=fed(run.job.args, task.signature.parameters[0], value))
        return None

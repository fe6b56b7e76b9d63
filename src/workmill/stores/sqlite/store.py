"""The contract on one SQLite file."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from workmill.store import (
    Capabilities,
    ClaimRequest,
    Count,
    Declaration,
    Due,
    Enqueued,
    Finding,
    Fired,
    Flow,
    FlowPage,
    Heard,
    JobFilter,
    Listener,
    NewWorker,
    NoticeKind,
    Obstacles,
    Page,
    Pause,
    Promotion,
    Renewal,
    Report,
    RuleState,
    Settled,
    Verdict,
    Worker,
)
from workmill.stores.sqlite import (
    cancelling,
    claiming,
    declaring,
    finding,
    firing,
    flowing,
    following,
    health,
    hindering,
    leasing,
    pruning,
    publishing,
    reading,
    ruling,
    scheduling,
    settling,
    storing,
    surroundings,
    tending,
    within,
)
from workmill.stores.sqlite.driver import DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.reader import Reader
from workmill.stores.sqlite.transaction import Transaction
from workmill.stores.sqlite.wake import Ear
from workmill.stores.sqlite.watching import Expected, Watch
from workmill.stores.sqlite.writer import Writer
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.clock import Clock, system_clock
from workmill.words.conversation import Conversation
from workmill.words.errors import StoreError
from workmill.words.job import Attempt, Job, NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.order import Order
from workmill.words.schedule import NewSchedule, Schedule, Tick
from workmill.words.ticks import moment
from workmill.words.transition import Transition

T = TypeVar("T")

DURABILITY = "A returned enqueue is on the disk (WAL, synchronous=FULL): it survives a crash and a power cut."


class SqliteStore:
    """One SQLite file, shared by any number of processes of one machine.

    Args:
        driver: The library that speaks to SQLite: the one that other code of this process opens the file with.

    Raises:
        ConfigError: The driver's SQLite is too old.
    """

    def __init__(self, path: str | Path, *, clock: Clock = system_clock, driver: DriverName = "apsw") -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._driver = driver_named(driver)
        self._pid = 0
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._watch: Watch | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        joins = (self._driver.name,)
        return Capabilities(name="sqlite", crosses_processes=True, durability=DURABILITY, joins=joins)

    @property
    def wake_folder(self) -> Path:
        """Where the sockets of the listeners are."""
        return self._path.with_name(f"{self._path.name}-wake")

    async def open(self) -> None:
        """See `Store.open`."""
        if self._writer is not None and self._pid == os.getpid():
            return
        writer = Writer(self._path, self._driver, self._clock, self.wake_folder)
        await writer.open()
        reader = Reader(self._path, self._driver, self._clock)
        try:
            await reader.open()
        except BaseException:
            await writer.close()
            raise
        self._writer, self._reader, self._pid = writer, reader, os.getpid()
        self._watch = Watch(reader.do, self.wake_folder)

    async def close(self) -> None:
        """See `Store.close`."""
        watch, reader, writer = self._watch, self._reader, self._writer
        self._watch = self._reader = self._writer = None
        if self._pid != os.getpid():
            # The threads stayed with the parent, which closes what is its own.
            return
        if watch is not None:
            await watch.close()
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()

    async def now(self) -> datetime:
        """See `Store.now`."""
        return moment(await self._read(reading.touch))

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """See `Store.enqueue`."""
        return await self._write(partial(storing.enqueue, jobs), is_durable=True)

    async def register(self, worker: NewWorker) -> None:
        """See `Store.register`."""
        await self._write(partial(leasing.register, worker))

    async def renew(self, worker_id: str) -> Renewal:
        """See `Store.renew`."""
        return await self._write(partial(leasing.renew, worker_id))

    async def leave(self, worker_id: str) -> None:
        """See `Store.leave`."""
        await self._write(partial(leasing.leave, worker_id))

    async def order(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """See `Store.order`."""
        return await self._write(partial(leasing.order, worker_ids, order), is_durable=True)

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """See `Store.claim`."""
        return await self._write(partial(claiming.claim, request))

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """See `Store.settle`."""
        return await self._write(partial(settling.settle, transitions, claim), is_durable=True)

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """See `Store.report`."""
        return await self._write(partial(settling.report, reports))

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:
        """See `Store.enqueue_within`."""
        return within.enqueue_within(jobs, self._path, self._clock, self._expect())

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """See `Store.settle_within`."""
        return within.settle_within(transition, self._path, self._clock, self._expect())

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """See `Store.held`."""
        return await self._write(partial(claiming.held, worker_id, engine))

    async def expired(self, limit: int) -> list[Job]:
        """See `Store.expired`."""
        return await self._write(partial(claiming.expired, limit))

    async def promote(self, limit: int) -> Promotion:
        """See `Store.promote`."""
        return await self._write(partial(tending.promote, limit))

    async def prune(self, limit: int) -> int:
        """See `Store.prune`."""
        return await self._write(partial(pruning.prune, limit))

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """See `Store.cancel`."""
        return await self._write(partial(cancelling.cancel, job_ids, reason, force=force), is_durable=True)

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """See `Store.get`."""
        return await self._read(partial(reading.get, job_ids))

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """See `Store.find`."""
        return await self._read(partial(finding.find, wanted, limit, cursor))

    async def counts(self) -> list[Count]:
        """See `Store.counts`."""
        return await self._read(reading.counts)

    async def attempts(self, job_id: str) -> list[Attempt]:
        """See `Store.attempts`."""
        return await self._read(partial(reading.attempts, job_id))

    async def parents(self, job_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """See `Store.parents`."""
        return await self._read(partial(following.parents, job_ids))

    async def flow(self, flow_id: str) -> Flow | None:
        """See `Store.flow`."""
        return await self._read(partial(flowing.flow, flow_id))

    async def flows(self, *, limit: int, cursor: str | None) -> FlowPage:
        """See `Store.flows`."""
        return await self._read(partial(flowing.flows, limit, cursor))

    async def put_schedules(self, schedules: Sequence[NewSchedule]) -> list[Schedule]:
        """See `Store.put_schedules`."""
        return await self._write(partial(scheduling.put, schedules), is_durable=True)

    async def schedules(self, *, limit: int, cursor: str | None) -> tuple[list[Schedule], str | None]:
        """See `Store.schedules`."""
        return await self._read(partial(scheduling.page, limit, cursor))

    async def get_schedules(self, names: Sequence[str]) -> list[Schedule | None]:
        """See `Store.get_schedules`."""
        return await self._read(partial(scheduling.named, names))

    async def start_schedule(self, name: str, next_at: datetime, *, args: bytes | None = None) -> Schedule:
        """See `Store.start_schedule`."""
        return await self._write(partial(scheduling.start, name, next_at, args), is_durable=True)

    async def stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        """See `Store.stop_schedule`."""
        return await self._write(partial(firing.stop, name, cancel_running=cancel_running), is_durable=True)

    async def delete_schedules(self, names: Sequence[str]) -> None:
        """See `Store.delete_schedules`."""
        await self._write(partial(firing.delete, names), is_durable=True)

    async def due(self, limit: int) -> Due:
        """See `Store.due`."""
        return await self._read(partial(scheduling.due, limit))

    async def fire(self, ticks: Sequence[Tick]) -> list[Fired]:
        """See `Store.fire`."""
        return await self._write(partial(firing.fire, ticks), is_durable=True)

    async def publish(self, messages: Sequence[NewMessage], jobs: Sequence[NewJob] = ()) -> list[Message]:
        """See `Store.publish`."""
        return await self._write(partial(publishing.publish, messages, jobs), is_durable=True)

    async def messages(self, channels: Sequence[str], *, cursor: str | None, limit: int) -> Heard:
        """See `Store.messages`."""
        return await self._read(partial(publishing.messages, channels, cursor, limit))

    async def subscriptions(self, channel: str | None = None) -> list[Subscription]:
        """See `Store.subscriptions`."""
        return await self._read(partial(publishing.subscriptions, channel))

    async def unsubscribe(self, channel: str, tasks: Sequence[str]) -> None:
        """See `Store.unsubscribe`."""
        await self._write(partial(publishing.unsubscribe, channel, tasks), is_durable=True)

    async def workers(self) -> list[Worker]:
        """See `Store.workers`."""
        return await self._read(leasing.workers)

    async def obstacles(self, job_id: str) -> Obstacles | None:
        """See `Store.obstacles`."""
        return await self._read(partial(hindering.obstacles, job_id))

    async def declare(self, declaration: Declaration) -> None:
        """See `Store.declare`."""
        await self._write(partial(declaring.declare, declaration), is_durable=True)

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """See `Store.set_rules`."""
        await self._write(partial(ruling.set_rules, rules), is_durable=True)

    async def reset_rules(self, names: Sequence[tuple[Scope, str]]) -> None:
        """See `Store.reset_rules`."""
        await self._write(partial(ruling.reset_rules, names), is_durable=True)

    async def rules(self) -> list[RuleState]:
        """See `Store.rules`."""
        return await self._read(ruling.rules)

    async def pause(self, queues: Sequence[str], by: str | None = None) -> None:
        """See `Store.pause`."""
        await self._write(partial(ruling.pause, queues, by), is_durable=True)

    async def resume(self, queues: Sequence[str]) -> None:
        """See `Store.resume`."""
        await self._write(partial(ruling.resume, queues), is_durable=True)

    async def pauses(self) -> list[Pause]:
        """See `Store.pauses`."""
        return await self._read(ruling.pauses)

    async def diagnose(self) -> list[Finding]:
        """See `Store.diagnose`."""
        inside = await health.looked(self._read(partial(health.look_inside, self._driver)))
        writing = await health.looked(self._write(health.look_at_writing, is_durable=True))
        around = await health.looked(asyncio.to_thread(surroundings.look_around, self._path, self.wake_folder))
        return [*inside, *writing, *around]

    @asynccontextmanager
    async def listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        """See `Store.listen`."""
        ear = Ear(self.wake_folder, kinds)
        ear.open()
        try:
            yield ear
        finally:
            ear.close()

    def _write(self, verb: Callable[[Transaction], T], *, is_durable: bool = False) -> asyncio.Future[T]:
        if self._writer is None or self._pid != os.getpid():
            raise self._unusable()
        return self._writer.do(verb, is_durable=is_durable)

    def _read(self, verb: Callable[[Transaction], T]) -> asyncio.Future[T]:
        if self._reader is None or self._pid != os.getpid():
            raise self._unusable()
        return self._reader.do(verb)

    def _expect(self) -> Callable[[Expected], None]:
        if self._watch is None or self._pid != os.getpid():
            raise self._unusable()
        return self._watch.expect

    def _unusable(self) -> StoreError:
        if self._pid in {0, os.getpid()}:
            return StoreError(f"{self._path}: the store is not open; await its open() first")
        return StoreError(
            f"{self._path}: the store was opened by process {self._pid} and this is its fork {os.getpid()}; "
            "open a store of its own here"
        )

"""The contract on one PostgreSQL schema."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import psycopg

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
from workmill.stores.hearing import Ear
from workmill.stores.postgres import (
    cancelling,
    channels,
    finding,
    flowing,
    health,
    hindering,
    leasing,
    reading,
    ruling,
    scheduling,
    settling,
    tending,
    within,
)
from workmill.stores.postgres.address import read_address
from workmill.stores.postgres.channels import messages as heard
from workmill.stores.postgres.failures import translated
from workmill.stores.postgres.grouping import Groups
from workmill.stores.postgres.lines import Lines
from workmill.stores.postgres.listening import Post
from workmill.stores.postgres.migrating import adopt, migrate
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.wake import Bells
from workmill.stores.postgres.within import Door
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.conversation import Conversation
from workmill.words.errors import StoreError
from workmill.words.job import Attempt, Job, NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.order import Order
from workmill.words.schedule import NewSchedule, Schedule, Tick
from workmill.words.transition import Transition

T = TypeVar("T")

CAPABILITIES = Capabilities(
    name="postgresql",
    crosses_processes=True,
    durability="A returned enqueue is committed: it survives what the server's synchronous_commit says, by default a "
    "crash and a power cut.",
    joins=("postgresql",),
)


class PostgresStore:
    """One schema of a PostgreSQL database, shared by any number of processes on any number of machines.

    Args:
        url: `postgresql://...` as libpq takes it; `schema=name` among its options names the schema.

    Raises:
        ConfigError: The URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._address = read_address(url)
        self._pid = 0
        self._session: Session | None = None
        self._groups: Groups | None = None
        self._post: Post | None = None
        self._door: Door | None = None
        self._under_way = 0
        self._idle = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        return CAPABILITIES

    async def open(self) -> None:
        """See `Store.open`."""
        lines, schema = Lines(self._address), self._address.schema
        session = Session(lines=lines, bells=Bells(lines, schema), schema=schema)
        try:
            async with lines.line() as line:
                await migrate(line, self._address)
                await adopt(line, self._address)
            name = await within.store_name(session)
            # Now, as who joins a caller's transaction later may hold the last session that a pooler gives.
            await session.learn_lanes()
        except StoreError:
            await lines.close()
            raise
        except (psycopg.Error, OSError, TimeoutError) as error:
            await lines.close()
            raise translated(error, self._address.name) from error
        self._session = session
        self._groups = Groups(session)
        self._post = Post(self._address, lines)
        self._door = Door(address=self._address.name, schema=schema, store_name=name)
        self._pid = os.getpid()

    async def close(self) -> None:
        """See `Store.close`."""
        session, self._session = self._session, None
        if session is None:
            return
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        if self._groups is not None:
            await self._groups.close()
        await session.bells.close()
        await session.lines.close()

    async def now(self) -> datetime:
        """See `Store.now`."""
        return await self._do(reading.now)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """See `Store.enqueue`."""
        groups = self._groups
        if groups is None:
            raise self._unusable()
        return await self._do(lambda _: groups.enqueue(jobs))

    async def register(self, worker: NewWorker) -> None:
        """See `Store.register`."""
        await self._do(lambda session: leasing.register(worker, session))

    async def renew(self, worker_id: str) -> Renewal:
        """See `Store.renew`."""
        return await self._do(lambda session: leasing.renew(worker_id, session))

    async def leave(self, worker_id: str) -> None:
        """See `Store.leave`."""
        await self._do(lambda session: leasing.leave(worker_id, session))

    async def order(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """See `Store.order`."""
        return await self._do(lambda session: leasing.order(worker_ids, order, session))

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """See `Store.claim`."""
        return await self._do(lambda session: settling.claim(request, session))

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """See `Store.settle`."""
        return await self._do(lambda session: settling.settle(transitions, claim, session))

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """See `Store.report`."""
        return await self._do(lambda session: settling.report(reports, session))

    async def put_schedules(self, schedules: Sequence[NewSchedule]) -> list[Schedule]:
        """See `Store.put_schedules`."""
        return await self._do(lambda session: scheduling.put(schedules, session))

    async def schedules(self, *, limit: int, cursor: str | None) -> tuple[list[Schedule], str | None]:
        """See `Store.schedules`."""
        return await self._do(lambda session: scheduling.listed(limit, cursor, session))

    async def get_schedules(self, names: Sequence[str]) -> list[Schedule | None]:
        """See `Store.get_schedules`."""
        return await self._do(lambda session: scheduling.get(names, session))

    async def start_schedule(self, name: str, next_at: datetime, *, args: bytes | None = None) -> Schedule:
        """See `Store.start_schedule`."""
        return await self._do(lambda session: scheduling.start(name, next_at, args, session))

    async def stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        """See `Store.stop_schedule`."""
        return await self._do(lambda session: scheduling.stop(name, session, is_whole=cancel_running))

    async def delete_schedules(self, names: Sequence[str]) -> None:
        """See `Store.delete_schedules`."""
        await self._do(lambda session: scheduling.delete(names, session))

    async def due(self, limit: int) -> Due:
        """See `Store.due`."""
        return await self._do(lambda session: scheduling.due(limit, session))

    async def fire(self, ticks: Sequence[Tick]) -> list[Fired]:
        """See `Store.fire`."""
        return await self._do(lambda session: scheduling.fire(ticks, session))

    async def publish(self, messages: Sequence[NewMessage], jobs: Sequence[NewJob] = ()) -> list[Message]:
        """See `Store.publish`."""
        return await self._do(lambda session: channels.publish(messages, jobs, session))

    async def messages(self, channels: Sequence[str], *, cursor: str | None, limit: int) -> Heard:
        """See `Store.messages`."""
        return await self._do(lambda session: heard(channels, cursor, limit, session))

    async def subscriptions(self, channel: str | None = None) -> list[Subscription]:
        """See `Store.subscriptions`."""
        return await self._do(lambda session: channels.subscriptions(channel, session))

    async def unsubscribe(self, channel: str, tasks: Sequence[str]) -> None:
        """See `Store.unsubscribe`."""
        await self._do(lambda session: channels.unsubscribe(channel, tasks, session))

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:
        """See `Store.enqueue_within`."""
        return await self._do(lambda session: within.enqueue_within(jobs, self._usable_door(), session))

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """See `Store.settle_within`."""
        return within.settle_within(transition, self._usable_door())

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """See `Store.held`."""
        return await self._do(lambda session: settling.held(worker_id, engine, session))

    async def expired(self, limit: int) -> list[Job]:
        """See `Store.expired`."""
        return await self._do(lambda session: settling.expired(limit, session))

    async def promote(self, limit: int) -> Promotion:
        """See `Store.promote`."""
        return await self._do(lambda session: tending.promote(limit, session))

    async def prune(self, limit: int) -> int:
        """See `Store.prune`."""
        return await self._do(lambda session: tending.prune(limit, session))

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """See `Store.cancel`."""
        return await self._do(lambda session: cancelling.cancel(job_ids, reason, session, force=force))

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """See `Store.get`."""
        return await self._do(lambda session: reading.get(job_ids, session))

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """See `Store.find`."""
        return await self._do(lambda session: finding.find(wanted, limit, cursor, session))

    async def counts(self) -> list[Count]:
        """See `Store.counts`."""
        return await self._do(reading.counts)

    async def parents(self, job_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """See `Store.parents`."""
        return await self._do(lambda session: reading.parents(job_ids, session))

    async def flow(self, flow_id: str) -> Flow | None:
        """See `Store.flow`."""
        return await self._do(lambda session: flowing.flow(flow_id, session))

    async def flows(self, *, limit: int, cursor: str | None) -> FlowPage:
        """See `Store.flows`."""
        return await self._do(lambda session: flowing.flows(limit, cursor, session))

    async def attempts(self, job_id: str) -> list[Attempt]:
        """See `Store.attempts`."""
        return await self._do(lambda session: reading.attempts(job_id, session))

    async def workers(self) -> list[Worker]:
        """See `Store.workers`."""
        return await self._do(leasing.workers)

    async def obstacles(self, job_id: str) -> Obstacles | None:
        """See `Store.obstacles`."""
        return await self._do(lambda session: hindering.obstacles(job_id, session))

    async def declare(self, declaration: Declaration) -> None:
        """See `Store.declare`."""
        await self._do(lambda session: ruling.declare(declaration, session))

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """See `Store.set_rules`."""
        await self._do(lambda session: ruling.set_rules(rules, session))

    async def reset_rules(self, names: Sequence[tuple[Scope, str]]) -> None:
        """See `Store.reset_rules`."""
        await self._do(lambda session: ruling.reset_rules(names, session))

    async def rules(self) -> list[RuleState]:
        """See `Store.rules`."""
        return await self._do(ruling.rules)

    async def pause(self, queues: Sequence[str], by: str | None = None) -> None:
        """See `Store.pause`."""
        await self._do(lambda session: ruling.pause(queues, by, session))

    async def resume(self, queues: Sequence[str]) -> None:
        """See `Store.resume`."""
        await self._do(lambda session: ruling.resume(queues, session))

    async def pauses(self) -> list[Pause]:
        """See `Store.pauses`."""
        return await self._do(ruling.pauses)

    async def diagnose(self) -> list[Finding]:
        """See `Store.diagnose`."""
        is_deaf = self._post is not None and self._post.is_deaf
        return await self._do(lambda session: health.diagnose(session, self._address, is_deaf=is_deaf))

    @asynccontextmanager
    async def listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        """See `Store.listen`."""
        post, ear = self._post, Ear(kinds)
        if post is None or self._session is None:
            raise self._unusable()
        try:
            await post.add(ear)
            yield ear
        finally:
            await post.remove(ear)

    async def _do(self, verb: Callable[[Session], Awaitable[T]]) -> T:
        session = self._session
        if session is None or self._pid != os.getpid():
            raise self._unusable()
        self._under_way += 1
        try:
            return await verb(session)
        finally:
            self._under_way -= 1
            self._idle.set()

    def _usable_door(self) -> Door:
        if self._door is None or self._session is None or self._pid != os.getpid():
            raise self._unusable()
        return self._door

    def _unusable(self) -> StoreError:
        name = self._address.name
        if self._pid in {0, os.getpid()}:
            return StoreError(f"{name}: the store is not open; await its open() first")
        return StoreError(
            f"{name}: the store was opened by process {self._pid} and this is its fork {os.getpid()}; "
            "open a store of its own here"
        )

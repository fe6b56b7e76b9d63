"""The contract on one Redis server, or a cluster of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
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
from workmill.stores.hearing import Ear
from workmill.stores.redis import (
    cancelling,
    channels,
    claiming,
    finding,
    flowing,
    health,
    hindering,
    leasing,
    reading,
    ruling,
    scheduling,
    settling,
    storing,
    tending,
)
from workmill.stores.redis.address import read_address
from workmill.stores.redis.channels import messages as heard
from workmill.stores.redis.direct import Switchboard
from workmill.stores.redis.durability import durability
from workmill.stores.redis.line import Line
from workmill.stores.redis.listening import Post
from workmill.stores.redis.session import Session
from workmill.stores.redis.setting import Setting, admit
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.conversation import Conversation
from workmill.words.errors import StoreError
from workmill.words.job import Attempt, Job, NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.order import Order
from workmill.words.schedule import NewSchedule, Schedule, Tick
from workmill.words.transition import Transition

T = TypeVar("T")

BEFORE_OPEN = "A returned enqueue survives what the server's persistence is set to; open the store to see it."
JOINS_NOTHING = (
    "; a Redis server joins no transaction of a caller's: enqueue after your own commit, with a key that makes "
    "repeating it safe, or keep the jobs where your data are, in a postgresql:// or sqlite:// store"
)


class RedisStore:
    """One prefix of a Redis server's keys, shared by any number of processes on any number of machines.

    Args:
        url: See `read_address`.

    Raises:
        ConfigError: The URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._address = read_address(url)
        self._line = Line(self._address)
        self._pid = 0
        self._setting: Setting | None = None
        self._session: Session | None = None
        self._switchboard: Switchboard | None = None
        self._post: Post | None = None
        self._under_way = 0
        self._idle = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        survives = BEFORE_OPEN if self._setting is None else durability(self._setting, self._address).sentence
        return Capabilities(name="redis", crosses_processes=True, durability=survives)

    async def open(self) -> None:
        """See `Store.open`."""
        line = self._line = Line(self._address)
        session = Session(self._address, line)
        try:
            self._setting = await admit(line, self._address)
            await session.open()
        except BaseException:
            await line.close()
            raise
        self._session = session
        if not (self._address.replicas or self._address.syncs):
            self._switchboard = Switchboard(session, line)
        self._post = Post(self._address, line)
        self._pid = os.getpid()

    async def close(self) -> None:
        """See `Store.close`."""
        session, self._session = self._session, None
        if session is None:
            return
        if self._switchboard is not None:
            self._switchboard.close()
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await self._line.close()

    async def now(self) -> datetime:
        """See `Store.now`."""
        return await self._do(reading.now)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """See `Store.enqueue`."""
        return await self._do(lambda session: storing.enqueue(jobs, session))

    def enqueue_blocking(self, jobs: Sequence[NewJob]) -> list[Enqueued] | None:
        """See `Direct.enqueue_blocking`."""
        switchboard = self._switchboard
        if switchboard is None or self._pid != os.getpid():
            return None
        return switchboard.run(lambda session: storing.enqueue(jobs, session))

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
        return await self._do(lambda session: claiming.claim(request, session))

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
        raise StoreError(f"{self._address.name}: {len(jobs)} jobs cannot be stored in a transaction{JOINS_NOTHING}")

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """See `Store.settle_within`."""
        raise StoreError(f"{self._address.name}: job {transition.job_id} cannot end in a transaction{JOINS_NOTHING}")

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """See `Store.held`."""
        return await self._do(lambda session: claiming.held(worker_id, engine, session))

    async def expired(self, limit: int) -> list[Job]:
        """See `Store.expired`."""
        return await self._do(lambda session: claiming.expired(limit, session))

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
        return await self._do(lambda session: health.diagnose(session, is_deaf=is_deaf))

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

    def _unusable(self) -> StoreError:
        name = self._address.name
        if self._pid in {0, os.getpid()}:
            return StoreError(f"{name}: the store is not open; await its open() first")
        return StoreError(
            f"{name}: the store was opened by process {self._pid} and this is its fork {os.getpid()}; "
            "open a store of its own here"
        )

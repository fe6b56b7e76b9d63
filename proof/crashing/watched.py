"""A store in between: counts every call, and at one of them fails, loses the answer or dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import NoReturn, Protocol, TypeVar

from proof.crashing.faults import Mode, Plan
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
    Notice,
    NoticeKind,
    Obstacles,
    Page,
    Pause,
    Promotion,
    Renewal,
    Report,
    RuleState,
    Settled,
    Store,
    Verdict,
    Worker,
)
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.conversation import Conversation
from workmill.words.errors import StoreUnavailable
from workmill.words.job import Attempt, Job, NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.order import Order
from workmill.words.schedule import NewSchedule, Schedule, Tick
from workmill.words.transition import Transition

T = TypeVar("T")


class Fate(Protocol):
    """What the process is that makes the calls, as far as its death goes."""

    @property
    def is_dead(self) -> bool:
        """Whether it has died: nothing it calls has any effect."""

    def die(self) -> None:
        """Die now; may not return."""


class WatchedStore:
    """A store whose calls are counted by a plan and go wrong as it says.

    Args:
        inner: The store that does the work.
        deaf_to: Notices that never arrive.
    """

    def __init__(self, inner: Store, plan: Plan, fate: Fate, *, deaf_to: frozenset[NoticeKind] = frozenset()) -> None:
        self.inner = inner
        self.under_way = 0
        """How many calls have not been answered yet; an ear that waits is none."""
        self.gates: dict[str, asyncio.Event] = {}
        """What a verb waits for before it does anything."""
        self.late: dict[str, asyncio.Event] = {}
        """What a verb waits for when it has taken effect, before it answers."""
        self.waiting: set[str] = set()
        """The verbs that wait to answer."""
        self.is_cut = False
        """Set when whoever uses it counts as dead: no call has any effect."""
        self._plan = plan
        self._fate = fate
        self._deaf_to = deaf_to

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self.inner.capabilities

    async def open(self) -> None:
        """Do nothing: whoever made the inner store has opened it."""

    async def close(self) -> None:
        """Do nothing, likewise."""

    async def now(self) -> datetime:
        """See `Store.now`."""
        return await self._through("now", self.inner.now)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """See `Store.enqueue`."""
        return await self._through("enqueue", lambda: self.inner.enqueue(jobs))

    async def register(self, worker: NewWorker) -> None:
        """See `Store.register`."""
        await self._through("register", lambda: self.inner.register(worker))

    async def renew(self, worker_id: str) -> Renewal:
        """See `Store.renew`."""
        return await self._through("renew", lambda: self.inner.renew(worker_id))

    async def leave(self, worker_id: str) -> None:
        """See `Store.leave`."""
        await self._through("leave", lambda: self.inner.leave(worker_id))

    async def order(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """See `Store.order`."""
        return await self._through("order", lambda: self.inner.order(worker_ids, order))

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """See `Store.claim`."""
        return await self._through("claim", lambda: self.inner.claim(request))

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """See `Store.settle`."""
        return await self._through("settle", lambda: self.inner.settle(transitions, claim))

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """See `Store.report`."""
        return await self._through("report", lambda: self.inner.report(reports))

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:
        """See `Store.enqueue_within`."""
        return await self._through("enqueue_within", lambda: self.inner.enqueue_within(jobs))

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """See `Store.settle_within`."""
        return self.inner.settle_within(transition)

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """See `Store.held`."""
        return await self._through("held", lambda: self.inner.held(worker_id, engine))

    async def expired(self, limit: int) -> list[Job]:
        """See `Store.expired`."""
        return await self._through("expired", lambda: self.inner.expired(limit))

    async def promote(self, limit: int) -> Promotion:
        """See `Store.promote`."""
        return await self._through("promote", lambda: self.inner.promote(limit))

    async def prune(self, limit: int) -> int:
        """See `Store.prune`."""
        return await self._through("prune", lambda: self.inner.prune(limit))

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """See `Store.cancel`."""
        return await self._through("cancel", lambda: self.inner.cancel(job_ids, reason, force=force))

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """See `Store.get`."""
        return await self._through("get", lambda: self.inner.get(job_ids))

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """See `Store.find`."""
        return await self._through("find", lambda: self.inner.find(wanted, limit=limit, cursor=cursor))

    async def counts(self) -> list[Count]:
        """See `Store.counts`."""
        return await self._through("counts", self.inner.counts)

    async def attempts(self, job_id: str) -> list[Attempt]:
        """See `Store.attempts`."""
        return await self._through("attempts", lambda: self.inner.attempts(job_id))

    async def parents(self, job_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """See `Store.parents`."""
        return await self._through("parents", lambda: self.inner.parents(job_ids))

    async def flow(self, flow_id: str) -> Flow | None:
        """See `Store.flow`."""
        return await self._through("flow", lambda: self.inner.flow(flow_id))

    async def flows(self, *, limit: int, cursor: str | None) -> FlowPage:
        """See `Store.flows`."""
        return await self._through("flows", lambda: self.inner.flows(limit=limit, cursor=cursor))

    async def obstacles(self, job_id: str) -> Obstacles | None:
        """See `Store.obstacles`."""
        return await self._through("obstacles", lambda: self.inner.obstacles(job_id))

    async def declare(self, declaration: Declaration) -> None:
        """See `Store.declare`."""
        await self._through("declare", lambda: self.inner.declare(declaration))

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """See `Store.set_rules`."""
        await self._through("set_rules", lambda: self.inner.set_rules(rules))

    async def reset_rules(self, names: Sequence[tuple[Scope, str]]) -> None:
        """See `Store.reset_rules`."""
        await self._through("reset_rules", lambda: self.inner.reset_rules(names))

    async def rules(self) -> list[RuleState]:
        """See `Store.rules`."""
        return await self._through("rules", self.inner.rules)

    async def pause(self, queues: Sequence[str], by: str | None = None) -> None:
        """See `Store.pause`."""
        await self._through("pause", lambda: self.inner.pause(queues, by))

    async def resume(self, queues: Sequence[str]) -> None:
        """See `Store.resume`."""
        await self._through("resume", lambda: self.inner.resume(queues))

    async def pauses(self) -> list[Pause]:
        """See `Store.pauses`."""
        return await self._through("pauses", self.inner.pauses)

    async def put_schedules(self, schedules: Sequence[NewSchedule]) -> list[Schedule]:
        """See `Store.put_schedules`."""
        return await self._through("put_schedules", lambda: self.inner.put_schedules(schedules))

    async def schedules(self, *, limit: int, cursor: str | None) -> tuple[list[Schedule], str | None]:
        """See `Store.schedules`."""
        return await self._through("schedules", lambda: self.inner.schedules(limit=limit, cursor=cursor))

    async def get_schedules(self, names: Sequence[str]) -> list[Schedule | None]:
        """See `Store.get_schedules`."""
        return await self._through("get_schedules", lambda: self.inner.get_schedules(names))

    async def start_schedule(self, name: str, next_at: datetime, *, args: bytes | None = None) -> Schedule:
        """See `Store.start_schedule`."""
        return await self._through("start_schedule", lambda: self.inner.start_schedule(name, next_at, args=args))

    async def stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        """See `Store.stop_schedule`."""
        return await self._through(
            "stop_schedule", lambda: self.inner.stop_schedule(name, cancel_running=cancel_running)
        )

    async def delete_schedules(self, names: Sequence[str]) -> None:
        """See `Store.delete_schedules`."""
        await self._through("delete_schedules", lambda: self.inner.delete_schedules(names))

    async def due(self, limit: int) -> Due:
        """See `Store.due`."""
        return await self._through("due", lambda: self.inner.due(limit))

    async def fire(self, ticks: Sequence[Tick]) -> list[Fired]:
        """See `Store.fire`."""
        return await self._through("fire", lambda: self.inner.fire(ticks))

    async def publish(self, messages: Sequence[NewMessage], jobs: Sequence[NewJob] = ()) -> list[Message]:
        """See `Store.publish`."""
        return await self._through("publish", lambda: self.inner.publish(messages, jobs))

    async def messages(self, channels: Sequence[str], *, cursor: str | None, limit: int) -> Heard:
        """See `Store.messages`."""
        return await self._through("messages", lambda: self.inner.messages(channels, cursor=cursor, limit=limit))

    async def subscriptions(self, channel: str | None = None) -> list[Subscription]:
        """See `Store.subscriptions`."""
        return await self._through("subscriptions", lambda: self.inner.subscriptions(channel))

    async def unsubscribe(self, channel: str, tasks: Sequence[str]) -> None:
        """See `Store.unsubscribe`."""
        await self._through("unsubscribe", lambda: self.inner.unsubscribe(channel, tasks))

    async def workers(self) -> list[Worker]:
        """See `Store.workers`."""
        return await self._through("workers", self.inner.workers)

    async def diagnose(self) -> list[Finding]:
        """See `Store.diagnose`."""
        return await self._through("diagnose", self.inner.diagnose)

    def listen(self, kinds: frozenset[NoticeKind]) -> AbstractAsyncContextManager[Listener]:
        """See `Store.listen`."""
        return self._listen(kinds)

    @asynccontextmanager
    async def _listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        async with self.inner.listen(kinds) as ear:
            await self._through("listen", _nothing)
            yield _Ear(self, ear, self._deaf_to)

    async def hear(self, ear: Listener, timeout: float) -> list[Notice]:
        """Wait for notices, unless the ear is where it goes wrong."""
        if self._plan.count("next") is Mode.REFUSED:
            raise StoreUnavailable("refused by the plan")
        return await ear.next(timeout)

    async def _through(self, verb: str, call: Callable[[], Awaitable[T]]) -> T:
        if verb in self.gates:
            await self.gates[verb].wait()
        if self._fate.is_dead or self.is_cut:
            await _for_ever()
        self.under_way += 1
        try:
            answer = await self._go_wrong(self._plan.count(verb), call)
        finally:
            self.under_way -= 1
        if verb in self.late and answer:
            self.waiting.add(verb)
            await self.late[verb].wait()
        return answer

    async def _go_wrong(self, mode: Mode | None, call: Callable[[], Awaitable[T]]) -> T:
        if mode is Mode.KILLED_BEFORE:
            self._fate.die()
            await _for_ever()
        if mode is Mode.REFUSED:
            raise StoreUnavailable("refused by the plan")
        answer = await call()
        if mode is Mode.KILLED_AFTER:
            self._fate.die()
            await _for_ever()
        if mode is Mode.UNANSWERED:
            raise StoreUnavailable("the answer was lost by the plan")
        return answer


class _Ear:
    def __init__(self, store: WatchedStore, ear: Listener, deaf_to: frozenset[NoticeKind]) -> None:
        self._store = store
        self._ear = ear
        self._deaf_to = deaf_to

    async def next(self, timeout: float) -> list[Notice]:
        """Wait for notices that may arrive."""
        heard = await self._store.hear(self._ear, timeout)
        return [notice for notice in heard if notice.kind not in self._deaf_to]


async def _nothing() -> None:
    return


async def _for_ever() -> NoReturn:
    """Wait until the task is cancelled: whoever is dead waits for nobody."""
    await asyncio.Event().wait()
    raise AssertionError

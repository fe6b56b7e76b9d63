"""The composition root: one application, its tasks, and its store."""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar, overload

from workmill import embedded
from workmill.calls.acting import Acting
from workmill.calls.asking import Asking
from workmill.calls.channelling import Channelling
from workmill.calls.flowing import Flowing
from workmill.calls.queueing import Queueing
from workmill.calls.scheduling import Scheduling
from workmill.changes import Changes
from workmill.craft.client import Client
from workmill.craft.handle import JobHandle
from workmill.craft.isolation import checked_isolation
from workmill.craft.limits import LimitOption, given_limits
from workmill.craft.logs import Events
from workmill.craft.middleware import Middleware, Surrounding
from workmill.craft.options import (
    Declared,
    Options,
    changed_policy,
    check_priority,
    checked_batch,
    checked_schedule,
    checked_unique,
)
from workmill.craft.program import Program
from workmill.craft.registrar import Registrar
from workmill.craft.registry import Registry
from workmill.craft.task import AnyTask, Task
from workmill.craft.unique import Unique
from workmill.stores.opening import store_factory, whole
from workmill.sync import Portal
from workmill.words.clock import Clock, system_clock
from workmill.words.codec import Json
from workmill.words.config import masked, store_url
from workmill.words.duration import Duration
from workmill.words.emit import Emit
from workmill.words.errors import ConfigError
from workmill.words.job import NewJob
from workmill.words.lease import LEASE
from workmill.words.limit import Rate
from workmill.words.names import check_name
from workmill.words.policy import KEEP, Policy
from workmill.words.retry import Retry
from workmill.words.size import Size

if TYPE_CHECKING:
    from workmill.craft.when import When
    from workmill.store import Store

P = ParamSpec("P")
R = TypeVar("R")


class App(Acting, Asking, Channelling, Flowing, Queueing, Scheduling):
    """One application: the tasks registered with it and the store that keeps their jobs.

    Nothing is opened, created or started here: the store opens at the first call that needs it, in every process of its
    own, also after a fork.

    Example:
        ```python
        app = App()

        @app.task
        def add(a: int, b: int) -> int:
            return a + b
        ```

    Args:
        url: The store: `sqlite:///path.db` (relative), `sqlite:////absolute/path.db` or `memory://`. Without one, the
            environment variable `WORKMILL_URL`, else `sqlite:///workmill.db`.
        middleware: What goes around every attempt, outermost first.
        clock: What the embedded stores take for the present; for tests.

    Raises:
        ConfigError: The URL names no store.
    """

    def __init__(
        self, url: str | None = None, *, middleware: Sequence[Middleware] = (), clock: Clock = system_clock
    ) -> None:
        self.url = store_url(url, os.environ)
        self._middleware = tuple(middleware)
        self._open_store = store_factory(self.url, clock)
        self._whole_url = whole(self.url)
        self._portal = Portal(self._open_store)
        self._events = Events()
        self._client = Client(self._portal, self._events.emit)
        self._registry = Registry(self._client)

    def __repr__(self) -> str:
        return f"<App {self.masked_url}, {len(self.tasks)} tasks>"

    @property
    def masked_url(self) -> str:
        """The store's URL without its password."""
        return masked(self.url)

    @property
    def tasks(self) -> Mapping[str, AnyTask]:
        """The registered tasks by name."""
        return MappingProxyType(self._registry.tasks)

    @property
    def program(self) -> Program:
        """What a worker needs of this application."""
        return Program(
            url=self._whole_url,
            tasks=self.tasks,
            middleware=self._middleware,
            open_store=self._open_store,
            emit=self._events.emit,
            schedules=MappingProxyType(self._registry.schedules),
        )

    @overload
    def task(self, function: Callable[P, Coroutine[Json, Json, R]]) -> Task[P, Coroutine[Json, Json, R], R]: ...
    @overload
    def task(self, function: Callable[P, R]) -> Task[P, R, R]: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        keep: Duration = KEEP,
        process: bool = False,
        grace: Duration | None = None,
        memory: Size | None = None,
        unique: Unique | None = None,
        limit: LimitOption | None = None,
        rate: Rate | None = None,
        expires: Duration | None = None,
        schedule: When | None = None,
    ) -> Registrar: ...
    def task(
        self,
        function: Callable[..., Json] | None = None,
        *,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        keep: Duration = KEEP,
        process: bool = False,
        grace: Duration | None = None,
        memory: Size | None = None,
        unique: Unique | None = None,
        limit: LimitOption | None = None,
        rate: Rate | None = None,
        expires: Duration | None = None,
        schedule: When | None = None,
    ) -> AnyTask | Registrar:
        """Register a function as a task; it stays a plain callable.

        Args:
            function: The function, where the decorator is used without options.
            name: Its name in the store; else the function's own.
            queue: The queue its jobs go to.
            priority: From -100 to 100; higher is claimed first.
            retry: How a failed attempt is repeated; else never.
            timeout: How long one attempt may take. An `async def` task is interrupted; a plain function is asked to end
                through `current_job.cancelled`. What does not heed that is ended by `workmill worker` with its process.
            keep: How long a job's record stays after its end.
            process: Whether each attempt runs in a process of its own, which `workmill worker` keeps warm, and ends at
                the time limit, at a cancel and past the memory limit, whatever the code does.
            grace: How long such an attempt may take to end when it was asked to, before its process is made to; 5
                seconds unless given.
            memory: How much memory the process may take, with what it starts: bytes, or text such as `"512MB"`.
            unique: Which of its jobs are one too many, and what becomes of them.
            limit: How many of its jobs may run at a time, over all workers: a number, or a `Limit`, or several.
            rate: How many of its attempts may begin in any stretch of a length of time.
            expires: How long after its storing, or after `run_after`, a job may still begin; then it is cancelled.
            schedule: `Cron`, `Every` or `Loop`: a schedule of the task's name makes jobs of it, without arguments.

        Raises:
            DuplicateTask: The name is taken.
            InvalidOption: An option is out of its range.
            TaskError: The function's parameters cannot be a task's.
        """
        options = Options(
            queue=check_name("queue", queue),
            priority=check_priority(priority),
            policy=changed_policy(Policy(), retry=retry, timeout=timeout, keep=keep, expires=expires),
            unique=checked_unique(unique),
        )
        declared = Declared(
            retry_on=(Exception,) if retry is None else retry.on,
            isolation=checked_isolation(process=process, grace=grace, memory=memory),
            limits=given_limits(limit, rate),
            schedule=checked_schedule(schedule),
        )
        registrar = Registrar(self._registry.register, name, options, declared)
        return registrar if function is None else registrar(function)

    def task_named(self, name: str) -> AnyTask:
        """Return a registered task.

        Raises:
            UnknownTask: There is none of this name.
        """
        return self._registry.named(name)

    def include(self, *others: App) -> None:
        """Take in the tasks and schedules that other applications have now: one worker and one dashboard serve all.

        They stay tasks of their own applications, too, which enqueue as before.

        Raises:
            ConfigError: Another keeps its jobs in another store, or has middleware of its own: give it to this one.
            DuplicateTask: A name is taken.
            InvalidOption: A limit or schedule contradicts one that there is.
        """
        for other in others:
            if other._whole_url != self._whole_url:  # noqa: SLF001 - one of our own kind
                raise ConfigError(f"{other!r} keeps its jobs elsewhere than {self!r}; give both the same URL")
            if not set(other._middleware) <= set(self._middleware):  # noqa: SLF001 - likewise
                raise ConfigError(f"{other!r} has middleware of its own; give it to the one that includes it")
            self._registry.include(other._registry)  # noqa: SLF001 - likewise

    def observe(self, subscriber: Emit) -> None:
        """Tell `subscriber` of every event of this process: quick, never blocking."""
        self._events.subscribe(subscriber)

    def surround(self, context: Surrounding) -> None:
        """Call the function of each task, of all of this application's, within a context manager of yours.

        A `Middleware` runs on the engine's event loop; this is entered and left in the thread that the function runs
        in, so it is for what belongs to a thread: connections, the context of a web framework. What was given first is
        outermost; what equals an earlier one takes its place. It counts as part of the function: an error in it is the
        attempt's, and time limits hold for both. A task called as a plain function, outside a job, does without it.

        Args:
            context: Makes a context manager for each attempt, of its job.
        """
        self._registry.surround(context)

    def enqueue_many(
        self, jobs: Sequence[NewJob], *, connection: object | None = None, wait: Duration | None = None
    ) -> list[JobHandle[Json]]:
        """Store jobs made by `task.job(...)`, all or none, in one transaction.

        Args:
            jobs: The jobs, in their order; 50,000 at most.
            connection: A connection of yours, whose transaction they are stored in; see `Task.using`.
            wait: How long to wait for room in a queue that is full, before `QueueFull` is raised; else not.

        Returns:
            A handle for each, in the same order; jobs that are `unique` and to be skipped are left out.

        Raises:
            InvalidOption: There are too many, or the store cannot join the connection's transaction.
            JobConflict: A key is in use for other arguments; nothing was stored.
            ParentNotFound: A job follows one that is neither stored nor before it; nothing was stored.
            QueueFull: A queue may hold no more; nothing was stored.
            UniqueConflict: There is a job already that one of them may not stand beside; nothing was stored.
        """
        longest = checked_batch(jobs, connection, wait)
        return self._registry.handles(self._client.enqueue_from_here(jobs, connection, wait=longest))

    async def aenqueue_many(
        self, jobs: Sequence[NewJob], *, connection: object | None = None, wait: Duration | None = None
    ) -> list[JobHandle[Json]]:
        """Do as `enqueue_many` does, awaited."""
        longest = checked_batch(jobs, connection, wait)
        return self._registry.handles(await self._client.aenqueue_from_here(jobs, connection, wait=longest))

    def job(self, job_id: str) -> JobHandle[Json]:
        """Return a handle on a stored job.

        Raises:
            JobNotFound: No job has this id: never a "pending".
        """
        return self._registry.handle(self._portal.run(lambda session: self._client.get(session, job_id)))

    async def ajob(self, job_id: str) -> JobHandle[Json]:
        """Do as `job` does, awaited."""
        return self._registry.handle(await self._portal.arun(lambda session: self._client.get(session, job_id)))

    def changes(self, job_id: str | None = None) -> Changes:
        """Return a context in which changes of one job, or of any, can be awaited."""
        return Changes(self._portal, job_id)

    def run_worker(
        self,
        *,
        queues: Sequence[str] | None = None,
        concurrency: int = 16,
        name: str | None = None,
        lease: Duration = LEASE,
    ) -> None:
        """Work in this program until TERM or INT: the first drains, the second stops now and gives back what runs.

        For a worker that user code can neither starve nor outlive, run `workmill worker` instead: its lease is kept by
        a process that runs no user code.

        Args:
            queues: The queues to take from; None for all.
            concurrency: How many jobs run at a time.
            name: What people call this worker; else host and process id.
            lease: How long after its last sign of life its jobs are taken from it.

        Raises:
            InvalidOption: An option is out of its range.
            StoreError: The store cannot be opened.
        """
        embedded.run_worker(self.program, queues, concurrency, name, lease)

    def working(
        self,
        *,
        queues: Sequence[str] | None = None,
        concurrency: int = 16,
        name: str | None = None,
        lease: Duration = LEASE,
    ) -> AbstractAsyncContextManager[object]:
        """Have a worker on the running event loop while inside the context; leaving stops it and gives back what runs.

        Options and errors are those of `run_worker`.
        """
        return embedded.working(self.program, queues, concurrency, name, lease)

    def drain(self, *, queues: Sequence[str] | None = None, skip_delays: bool = False, limit: int | None = None) -> int:
        """Run here and now what is queued, one job after another, until nothing is claimable.

        Args:
            queues: The queues to take from; None for all.
            skip_delays: Repeat failed jobs at once instead of after their delay.
            limit: Start no more attempts than this.

        Returns:
            How many attempts were started.
        """
        return self._portal.run(
            embedded.draining(self.program, queues, limit, skip_delays=skip_delays), timeout=math.inf
        )

    async def adrain(
        self, *, queues: Sequence[str] | None = None, skip_delays: bool = False, limit: int | None = None
    ) -> int:
        """Do as `drain` does, awaited."""
        return await self._portal.arun(embedded.draining(self.program, queues, limit, skip_delays=skip_delays))

    def close(self) -> None:
        """Close the store of this process; a later call opens it again."""
        self._portal.close()

    def __enter__(self) -> Self:
        self.now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def elsewhere(self, url: str, *, clock: Clock = system_clock) -> Iterator[Self]:
        """Use another store while inside, and the present one again afterwards: for tests of a module's application.

        Raises:
            ConfigError: The URL names no store.
        """
        before = self.url, self._whole_url, self._open_store
        chosen = store_url(url, os.environ)
        self._move(chosen, whole(chosen), store_factory(chosen, clock))
        try:
            yield self
        finally:
            self._move(*before)

    @property
    def after_enqueue(self) -> Callable[[], Awaitable[None]] | None:
        """What is awaited after each enqueue, before its handle is returned; for tests that run jobs at once."""
        return self._client.after_enqueue

    @after_enqueue.setter
    def after_enqueue(self, hook: Callable[[], Awaitable[None]] | None) -> None:
        self._client.after_enqueue = hook

    def _move(self, url: str, whole_url: str, open_store: Callable[[], Store]) -> None:
        self._portal.move(open_store)
        self.url, self._whole_url, self._open_store = url, whole_url, open_store

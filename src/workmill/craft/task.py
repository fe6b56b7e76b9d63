"""A registered function: still a plain callable, and the door to its jobs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, ParamSpec, TypeAlias, TypeVar

from workmill.craft.client import Client
from workmill.craft.following import STEP, Parent, checked_after, checked_followers, followers, following
from workmill.craft.handle import JobHandle
from workmill.craft.ids import new_id
from workmill.craft.limits import limits_of
from workmill.craft.middleware import Surrounding
from workmill.craft.options import Declared, Options, changed_policy, check_priority, checked_unique, checked_wait
from workmill.craft.signature import Signature
from workmill.craft.unique import Unique, answered
from workmill.words.codec import Json
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption, TaskError
from workmill.words.job import Job, NewJob
from workmill.words.moment import check_aware
from workmill.words.names import check_key, check_name
from workmill.words.policy import Policy
from workmill.words.retry import Retry
from workmill.words.ties import Needs, Ties

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")


class Task(Generic[P, C, R]):
    """A function with a name, to be called here or enqueued.

    Calling the task calls the function, here and now. `enqueue` stores a job of it; `using(...)` returns the same task
    with other options, so that options never mix with arguments.

    Example:
        ```python
        job = resize.using(queue="images", delay=60).enqueue("a.png", width=400)
        job.result(timeout=120)
        ```
    """

    def __init__(
        self,
        name: str,
        function: Callable[P, C],
        client: Client,
        options: Options,
        declared: Declared,
        *,
        surroundings: Sequence[Surrounding] = (),
    ) -> None:
        _refuse_no_function(function)
        functools.update_wrapper(self, function, updated=())  # Its attributes stay its own: one may be called `name`.
        self.name = check_name("name", name)
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = Signature(name, function)
        self.limits = limits_of(self.name, declared.limits, self.signature.parameters)
        self._take(options)
        self.retry_on = declared.retry_on
        self.isolation = declared.isolation
        self.schedule = declared.schedule
        self.channel = declared.channel
        self.surroundings = surroundings  # its application's own list, which may still grow
        self._client = client
        self._refuse_arguments()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the function here and now, without a job."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    @property
    def is_process(self) -> bool:
        """Whether its jobs run in a process of their own."""
        return self.isolation is not None

    @property
    def queue(self) -> str:
        """The queue that its jobs go to."""
        return self.options.queue

    @property
    def policy(self) -> Policy:
        """The rules that its jobs carry."""
        return self.options.policy

    @property
    def doc(self) -> str:
        """The function's docstring, without its indentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def problem(self) -> str | None:
        """Why its function's type hints cannot be served, in a sentence; None where they can."""
        return self.signature.problem

    @property
    def schema(self) -> dict[str, Json]:
        """The JSON Schema of the arguments."""
        return self.signature.schema

    @property
    def result_schema(self) -> dict[str, Json]:
        """The JSON Schema of the result."""
        return self.signature.result_schema

    def using(
        self,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay: Duration | None = None,
        run_after: datetime | None = None,
        key: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        keep: Duration | None = None,
        expires: Duration | None = None,
        unique: Unique | None = None,
        after: Parent | Sequence[Parent] | None = None,
        needs: Needs | str | None = None,
        then: NewJob | Sequence[NewJob] | None = None,
        on_error: NewJob | Sequence[NewJob] | None = None,
        wait: Duration | None = None,
        connection: object | None = None,
    ) -> Task[P, C, R]:
        """Return this task with other options; what is not given stays as it was.

        Args:
            queue: The queue to go to.
            priority: From -100 to 100; higher is claimed first.
            delay: Do not start before this long from now, by the store's clock.
            run_after: Do not start before this moment, an aware datetime.
            key: An idempotency key: enqueueing again with it and the same arguments gives the same job.
            retry: How a failed attempt is repeated.
            timeout: How long one attempt may take.
            keep: How long the job's record stays after its end.
            expires: How long after its storing, or after `run_after`, the job may still begin; then it is cancelled.
            unique: Which jobs of the task it may not stand beside, and what becomes of it there.
            after: The jobs that it follows: it begins when they have become what it `needs`.
            needs: `success` of all of them, unless given: if one fails, it fails too. Or `end`, however they end; or
                `failure`: of one of them, for what is to be done about it.
            then: Jobs to run when this one has succeeded, made by `task.step(...)`, which gets its result, or by
                `task.job(...)`. They are stored with it.
            on_error: Jobs to run when this one has failed for good; a step gets its id.
            wait: How long `enqueue` waits for room in a queue that is full, before it raises `QueueFull`; else not.
            connection: A connection of yours to the store's own database, whose transaction the job is stored in: it
                comes and goes with what else you write there.

        Raises:
            InvalidOption: An option is out of its range.
        """
        if delay is not None and run_after is not None:
            raise InvalidOption("run_after", run_after, "give either delay or run_after")
        if isinstance(retry, Retry) and retry.on != (Exception,):
            raise InvalidOption("retry.on", retry.on, "exceptions are no data; set `on` where the task is declared")
        changed = Options(
            queue=self.queue if queue is None else check_name("queue", queue),
            priority=self.options.priority if priority is None else check_priority(priority),
            policy=changed_policy(self.policy, retry=retry, timeout=timeout, keep=keep, expires=expires),
            key=self.options.key if key is None else check_key(key),
            delay=self._delay(run_after) if delay is None else checked_length("delay", delay),
            run_at=self._run_at(delay) if run_after is None else check_aware("run_after", run_after),
            unique=self.options.unique if unique is None else checked_unique(unique),
            after=self.options.after if after is None and needs is None else checked_after(after, needs),
            then=self.options.then if then is None else checked_followers("then", then),
            on_error=self.options.on_error if on_error is None else checked_followers("on_error", on_error),
            wait=self.options.wait if wait is None else checked_length("wait", wait),
            connection=self.options.connection if connection is None else connection,
        )
        twin: Task[P, C, R] = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._take(changed)
        return twin

    def job(self, *args: P.args, **kwargs: P.kwargs) -> NewJob:
        """Make a job of a call without storing it.

        Raises:
            InvalidArguments: The arguments do not match the type hints.
            InvalidOption: A connection or followers were set; they are for storing.
        """
        self._refuse_connection()
        return self._new(self.signature.dump_call(args, kwargs))

    def step(self, *args: Json, **kwargs: Json) -> NewJob:
        """Make a job whose first argument comes from the job that it follows; these are all the others.

        That is the result of a job that succeeded, or the list of the results of several in their order, or the id of
        one that failed where this one is there for that.

        Raises:
            InvalidArguments: The arguments do not match the type hints of the other parameters.
            InvalidOption: A connection or followers were set; they are for storing.
        """
        self._refuse_connection()
        new = replace(self._new(self.signature.dump_rest(args, kwargs)), after=None)
        step = replace(new, ties=replace(STEP, gates=() if new.ties is None else new.ties.gates))
        return step if self.options.after is None else following(step, self.options.after)

    def job_from_json(self, raw: bytes) -> NewJob:
        """Make a job of arguments that came as one JSON object, checked strictly, without storing it.

        Raises:
            InvalidArguments: They are not JSON, or do not match the type hints.
            InvalidOption: A connection was set; it is for storing.
        """
        self._refuse_connection()
        return self._new(self.signature.dump_json_call(raw))

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Store a job of this call. On return it is committed.

        After `using(connection=...)` it is stored in that connection's transaction instead: until you commit, nobody
        else sees it and `refresh` raises `JobNotFound`; what its driver raises comes as it is.

        Raises:
            InvalidArguments: The arguments do not match the type hints; nothing was stored.
            InvalidOption: The store cannot join the connection's transaction; nothing was stored.
            JobConflict: The key is in use for other arguments; nothing was stored.
            ParentNotFound: A job that this one follows is not stored; nothing was stored.
            QueueFull: Its queue may hold no more; nothing was stored.
            UniqueConflict: There is a job already that it may not stand beside; nothing was stored.
            StoreUnavailable: Unknown whether it was stored; repeat it with a key to be sure of one job.
        """
        return self._enqueue(self._new(self.signature.dump_call(args, kwargs)))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Do as `enqueue` does, awaited."""
        return await self._aenqueue(self._new(self.signature.dump_call(args, kwargs)))

    def enqueue_json(self, raw: bytes) -> JobHandle[R]:
        """Do as `enqueue` does with arguments that came as one JSON object, checked strictly."""
        return self._enqueue(self._new(self.signature.dump_json_call(raw)))

    async def aenqueue_json(self, raw: bytes) -> JobHandle[R]:
        """Do as `enqueue_json` does, awaited."""
        return await self._aenqueue(self._new(self.signature.dump_json_call(raw)))

    def handle(self, record: Job, *, created: bool = False) -> JobHandle[R]:
        """Return a handle on a job of this task."""
        ruled = self.ruled if self._has_rules else None
        return JobHandle(self._client, record, self.signature, created=created, ruled=ruled)

    def ruled(self, new: NewJob) -> NewJob:
        """Return a job of this task with what the task's rules say of its arguments.

        Raises:
            InvalidArguments: A key cannot be made of them.
        """
        arguments = self.signature.arguments(new.args)
        unique = None if self.options.unique is None else self.options.unique.uniqueness(self.name, arguments)
        gates = self.limits.gates(self.name, arguments)
        return replace(new, unique=unique, ties=replace(new.ties or Ties(), gates=gates) if gates else new.ties)

    def _enqueue(self, new: NewJob) -> JobHandle[R]:
        options = self.options
        stored = self._client.enqueue_from_here(self._batch(new), options.connection, wait=options.wait)[0]
        return self.handle(stored.job, created=stored.created)

    async def _aenqueue(self, new: NewJob) -> JobHandle[R]:
        options = self.options
        stored = await self._client.aenqueue_from_here(self._batch(new), options.connection, wait=options.wait)
        return self.handle(stored[0].job, created=stored[0].created)

    def _batch(self, new: NewJob) -> list[NewJob]:
        then, on_error = self.options.then, self.options.on_error
        return [answered(new), *followers(new, then, on_error)] if then or on_error else [answered(new)]

    def _take(self, options: Options) -> None:
        if options.unique is not None:
            options.unique.check(self.signature.parameters)
        if options.wait is not None:
            checked_wait(options.wait, options.connection)
        self.options = options
        self._has_rules = options.unique is not None or bool(self.limits.keys)

    def _refuse_arguments(self) -> None:
        """Refuse a function that cannot be called by a schedule, or by a message."""
        needed = self.signature.needed
        if self.schedule is not None and (needed or self.options.unique is not None):
            remedy = "it is called without arguments and makes each job once; give defaults, and no `unique`"
            raise InvalidOption("schedule", self.schedule, remedy)
        if self.channel is not None and (len(self.signature.parameters) != 1):
            said = ", ".join(self.signature.parameters) or "none"
            raise TaskError(f"task {self.name!r} gets the message as its one argument; its parameters are: {said}")

    def _refuse_connection(self) -> None:
        if self.options.connection is not None:
            remedy = "a job is only made here; give the connection to `enqueue_many(jobs, connection=...)`"
            raise InvalidOption("connection", type(self.options.connection), remedy)
        if self.options.then or self.options.on_error:
            remedy = "a job is only made here; enqueue it, or build a Flow"
            raise InvalidOption("then", [each.task for each in self.options.then + self.options.on_error], remedy)

    # To give one of the two takes the other away: a job has one time at most.

    def _delay(self, run_after: datetime | None) -> timedelta | None:
        return self.options.delay if run_after is None else None

    def _run_at(self, delay: Duration | None) -> datetime | None:
        return self.options.run_at if delay is None else None

    def _new(self, args: bytes) -> NewJob:
        options = self.options
        new = NewJob(
            id=new_id(),
            task=self.name,
            queue=options.queue,
            priority=options.priority,
            args=args,
            policy=options.policy,
            key=options.key,
            delay=options.delay,
            run_at=options.run_at,
            after=options.after,
        )
        return self.ruled(new) if self._has_rules else new


AnyTask: TypeAlias = Task[..., Json, Json]
"""A task of whatever signature."""


def _refuse_no_function(function: Callable[..., object]) -> None:
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.isroutine(function):
        raise TaskError(
            f"{name} cannot be a task; decorate a function, with options by name as in @app.task(queue=...)"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TaskError(f"{name} is a generator; return a list, or report progress, instead of yielding")

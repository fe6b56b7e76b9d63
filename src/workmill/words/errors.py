"""Every error Workmill raises, in branches by what the caller can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from workmill.words.outcome import Failure

LONGEST_SHOWN = 200
"""How many characters of a refused value a message repeats: it may be a whole document."""


class WorkmillError(Exception):
    """The root of every error of this library."""

    def __reduce__(self) -> tuple[object, ...]:
        # A caller's own process pool carries errors by copying them; `args` alone would not rebuild these.
        return _rebuilt, (type(self), self.args, self.__dict__)


class ConfigError(WorkmillError):
    """A setting is wrong; nothing was started. Correct the setting it names."""


class TaskError(WorkmillError):
    """A task or a call of one is wrong; nothing was enqueued."""


class UnknownTask(TaskError):
    """No task of this name is registered with the application."""

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        self.name = name
        self.known = tuple(known)
        listed = ", ".join(sorted(self.known)) or "none"
        super().__init__(f"no task named {name!r} is registered; registered tasks: {listed}")


class DuplicateTask(TaskError):
    """Two functions were registered under one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"a task named {name!r} is registered already; give one of them another `name=`")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentError:
    """One thing that is wrong with one argument: where (a JSON Pointer), what, and a stable slug.

    Attributes:
        given: What was given, cut short; "" where nothing was. For whoever gave it: no message has it, as messages are
            logged and arguments are not.
    """

    pointer: str
    detail: str
    type: str
    given: str = ""


class InvalidArguments(TaskError):
    """The arguments do not match the task's signature; `errors` says each place."""

    def __init__(self, task: str, errors: Sequence[ArgumentError]) -> None:
        self.task = task
        self.errors = tuple(errors)
        said = "; ".join(f"{error.pointer}: {error.detail}" for error in self.errors)
        super().__init__(f"arguments do not match the signature of task {task!r}: {said}")


class InvalidOption(TaskError):
    """An option of a task or of one enqueue is out of its range."""

    def __init__(self, option: str, value: object, remedy: str) -> None:
        self.option = option
        self.value = value
        self.remedy = remedy
        super().__init__(f"option {option}={_shown(value)} is refused: {remedy}")


class JobError(WorkmillError):
    """A job is not in the state that the call needs."""


class JobNotFound(JobError):
    """No job has this id: it never existed, or its keep time is over."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"no job has the id {job_id!r}; it never existed or its keep time is over")


class JobConflict(JobError):
    """The call contradicts what is stored; `job_id` names the job in the way."""

    def __init__(self, job_id: str, why: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id}: {why}")


class UniqueConflict(JobConflict):
    """There is a job already that the new one may not stand beside; `job_id` names it."""

    def __init__(self, job_id: str, task: str, state: str) -> None:
        self.task = task
        self.state = state
        super().__init__(job_id, f"is {state}, and task {task!r} allows no second one like it now")


class ParentNotFound(JobError):
    """A job is to follow one that is not stored: it never was, or its keep time is over."""

    def __init__(self, job_id: str, parent: str) -> None:
        self.job_id = job_id
        self.parent = parent
        super().__init__(f"job {job_id} is to follow job {parent}, which is neither stored nor before it in the batch")


class JobFailed(JobError):
    """The job ended without a result; `failure` holds the error of its last attempt."""

    def __init__(self, job_id: str, failure: Failure | None) -> None:
        self.job_id = job_id
        self.failure = failure
        said = f"{failure.type}: {failure.message}" if failure else "no error was recorded"
        super().__init__(f"job {job_id} failed: {said}")


class JobCancelled(JobFailed):
    """The job was cancelled, so it has no result."""

    def __init__(self, job_id: str, reason: str | None) -> None:
        super().__init__(job_id, None)
        self.reason = reason
        self.args = (f"job {job_id} was cancelled: {reason or 'no reason was given'}",)


class JobLost(JobError):
    """A task could not finish in a transaction of its own, because its worker had lost the job. It was rolled back."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f"job {job_id}: this worker lost its lease, so nothing was committed; another attempt runs elsewhere"
        )


class ScheduleError(WorkmillError):
    """A schedule cannot do what was asked of it."""


class ScheduleNotFound(ScheduleError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no schedule is named {name!r}")


class ScheduleActive(ScheduleError):
    """The schedule goes on already, so it cannot be started."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"schedule {name!r} goes on already; stop it first to start it anew")


class ScheduleChanged(ScheduleError):
    """The schedule is not the one that the edit was made of: look at it again."""

    def __init__(self, name: str, version: int | None) -> None:
        self.name = name
        self.version = version
        stored = "there is none of this name" if version is None else f"version {version} is stored"
        super().__init__(f"schedule {name!r} is another than it was taken for: {stored}")


class FlowNotFound(WorkmillError):
    """No flow has this id: it never existed, or the keep time of all its jobs is over."""

    def __init__(self, flow_id: str) -> None:
        self.flow_id = flow_id
        super().__init__(f"no flow has the id {flow_id!r}; it never existed or the keep time of its jobs is over")


class StoreError(WorkmillError):
    """The store could not do what was asked."""


class QueueFull(StoreError):
    """A queue holds as many jobs as it may, so nothing was stored: try again when some have begun."""

    def __init__(self, queue: str, waiting: int) -> None:
        self.queue = queue
        self.waiting = waiting
        super().__init__(f"queue {queue!r} is full: it may hold {waiting} jobs that have not begun")


class StoreUnavailable(StoreError):
    """The store did not answer in time or refused the connection.

    Whether a write took effect is unknown: repeat it with the same job id or idempotency key.
    """


class SchemaMismatch(StoreError):
    """The store was written by a newer Workmill; upgrade this program before it writes."""


class LeaseLost(StoreError):
    """The worker's lease ended, so the claim is refused; its jobs belong to whoever claims them next."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        super().__init__(f"worker {worker_id} holds no live lease; register as a new worker")


class CountChanged(WorkmillError):
    """There are not as many jobs as the caller has counted, so nothing was done to them: look again."""

    def __init__(self, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"{expected} jobs were expected and there are {found}; nothing was done: look at them again")


class WaitTimeout(WorkmillError):
    """The wait ended before the job did; the job itself goes on."""

    def __init__(self, job_id: str, state: str, seconds: float) -> None:
        self.job_id = job_id
        self.state = state
        self.seconds = seconds
        super().__init__(f"job {job_id} is still {state} after {round(seconds, 3):g} s; it goes on, ask again later")


def _shown(value: object) -> str:
    try:
        text = str(value) if isinstance(value, timedelta) else repr(value)
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text):,} characters)"
    except Exception:  # noqa: BLE001 - a stranger's __repr__ may do anything, and that of a long number does
        return f"({type(value).__name__} that cannot be shown)"


def _rebuilt(kind: type[WorkmillError], args: tuple[object, ...], attributes: dict[str, object]) -> WorkmillError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error

"""Exit codes: what a script may rely on, one number for each thing that it would do differently."""

from enum import IntEnum

from workmill import (
    ConfigError,
    CountChanged,
    FlowNotFound,
    InvalidArguments,
    InvalidOption,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobNotFound,
    ParentNotFound,
    QueueFull,
    ScheduleError,
    ScheduleNotFound,
    StoreError,
    TaskError,
    UnknownTask,
    WaitTimeout,
    WorkmillError,
)


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    """The command line is wrong, arguments of a task included."""
    CONFIG = 3
    """The application or a setting cannot be loaded."""
    STORE = 4
    """The store cannot be reached, or a newer version wrote it."""
    NOT_FOUND = 5
    CONFLICT = 6
    JOB_FAILED = 7
    JOB_CANCELLED = 8
    TEMPORARY = 75
    """A queue may hold no more jobs now: try again later."""
    TIMED_OUT = 124
    """The wait ended before the job did."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """Nobody reads the output any more."""


class UsageError(Exception):
    """The command line asks for something that cannot be; the message says what and what to write instead."""


class NoSuchWorker(UsageError):
    """No live worker has the name or id that the command line gives."""


# The narrower error stands above the wider one.
_BY_ERROR: tuple[tuple[type[Exception], Exit], ...] = (
    (NoSuchWorker, Exit.NOT_FOUND),
    (UsageError, Exit.USAGE),
    (ConfigError, Exit.CONFIG),
    (InvalidArguments, Exit.USAGE),
    (InvalidOption, Exit.USAGE),
    (UnknownTask, Exit.NOT_FOUND),
    (JobNotFound, Exit.NOT_FOUND),
    (FlowNotFound, Exit.NOT_FOUND),
    (ScheduleNotFound, Exit.NOT_FOUND),
    (ScheduleError, Exit.CONFLICT),
    (JobConflict, Exit.CONFLICT),
    (CountChanged, Exit.CONFLICT),
    (ParentNotFound, Exit.NOT_FOUND),
    (JobCancelled, Exit.JOB_CANCELLED),
    (JobFailed, Exit.JOB_FAILED),
    (TaskError, Exit.CONFIG),
    (WaitTimeout, Exit.TIMED_OUT),
    (QueueFull, Exit.TEMPORARY),
    (StoreError, Exit.STORE),
)

EXPECTED = (UsageError, WorkmillError)
"""The errors that a message and an exit code tell completely; any other is a defect and shows its traceback."""


def exit_for(error: Exception) -> Exit:
    """Return the exit code that stands for an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILURE)

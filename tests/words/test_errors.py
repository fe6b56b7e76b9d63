import copy
import pickle
from collections.abc import Callable
from datetime import timedelta

import pytest

from workmill.words import errors
from workmill.words.outcome import Failure, FailureKind

FAILURE = Failure(kind=FailureKind.ERROR, type="ValueError", message="no such file", traceback="Traceback")
ARGUMENT = errors.ArgumentError(pointer="/width", detail="must be above 0", type="greater_than")

# Each error, what its message must tell, and the branches it is caught by.
TOLD = [
    (errors.ConfigError("no url"), ["no url"], errors.WorkmillError),
    (errors.UnknownTask("resise", ["shrink", "resize"]), ["'resise'", "resize, shrink"], errors.TaskError),
    (errors.UnknownTask("resise"), ["'resise'", "none"], errors.TaskError),
    (errors.DuplicateTask("resize"), ["'resize'", "name="], errors.TaskError),
    (errors.InvalidArguments("resize", [ARGUMENT]), ["'resize'", "/width", "must be above 0"], errors.TaskError),
    (errors.InvalidOption("delay", -1, "give 0 or more"), ["delay=-1", "give 0 or more"], errors.TaskError),
    (
        errors.InvalidOption("lease", timedelta(0), "give 1 second"),
        ["lease=0:00:00", "give 1 second"],
        errors.TaskError,
    ),
    (
        errors.InvalidOption("queue", "long" * 1000, "give a shorter one"),
        ["queue='" + "long" * 49 + "lon… (4,002 characters)", "give a shorter one"],
        errors.TaskError,
    ),
    (
        errors.InvalidOption("priority", 10**5000, "give less"),
        ["priority=(int that cannot be shown)"],
        errors.TaskError,
    ),
    (errors.JobNotFound("abc"), ["'abc'", "keep time"], errors.JobError),
    (errors.JobConflict("abc", "key is taken"), ["abc", "key is taken"], errors.JobError),
    (errors.UniqueConflict("abc", "start", "running"), ["abc", "running", "'start'"], errors.JobConflict),
    (errors.ParentNotFound("abc", "def"), ["abc", "def", "neither stored"], errors.JobError),
    (errors.ScheduleNotFound("night"), ["'night'"], errors.ScheduleError),
    (errors.ScheduleActive("night"), ["'night'", "stop it first"], errors.ScheduleError),
    (errors.FlowNotFound("abc"), ["'abc'", "keep time"], errors.WorkmillError),
    (errors.QueueFull("mail", 10), ["'mail'", "10 jobs"], errors.StoreError),
    (errors.CountChanged(3, 4), ["3 jobs", "are 4", "nothing was done"], errors.WorkmillError),
    (errors.UniqueConflict("abc", "resize", "running"), ["abc", "'resize'", "is running"], errors.JobConflict),
    (errors.ParentNotFound("abc", "def"), ["job abc", "job def"], errors.JobError),
    (errors.JobLost("abc"), ["abc", "lost its lease", "nothing was committed"], errors.JobError),
    (errors.JobFailed("abc", FAILURE), ["abc", "ValueError: no such file"], errors.JobError),
    (errors.JobFailed("abc", None), ["abc", "no error was recorded"], errors.JobError),
    (errors.JobCancelled("abc", "typo"), ["abc", "cancelled", "typo"], errors.JobFailed),
    (errors.JobCancelled("abc", None), ["abc", "no reason was given"], errors.JobFailed),
    (errors.ScheduleNotFound("nightly"), ["'nightly'"], errors.ScheduleError),
    (errors.ScheduleActive("nightly"), ["'nightly'", "stop it first"], errors.ScheduleError),
    (errors.ScheduleChanged("nightly", 7), ["'nightly'", "version 7"], errors.ScheduleError),
    (errors.ScheduleChanged("nightly", None), ["'nightly'", "there is none"], errors.ScheduleError),
    (errors.FlowNotFound("f1"), ["'f1'", "keep time"], errors.WorkmillError),
    (errors.QueueFull("mail", 10), ["'mail'", "10"], errors.StoreError),
    (errors.StoreUnavailable("locked"), ["locked"], errors.StoreError),
    (errors.SchemaMismatch("newer"), ["newer"], errors.StoreError),
    (errors.LeaseLost("w1"), ["w1", "register"], errors.StoreError),
    (errors.WaitTimeout("abc", "queued", 0.9999991), ["after 1 s"], errors.WorkmillError),
    (errors.WaitTimeout("abc", "queued", 2.5), ["abc", "queued", "2.5 s"], errors.WorkmillError),
]


@pytest.mark.parametrize(("error", "parts", "branch"), TOLD)
def test_message_names_thing_value_and_remedy(
    error: errors.WorkmillError, parts: list[str], branch: type[Exception]
) -> None:
    assert isinstance(error, branch)
    assert isinstance(error, errors.WorkmillError)
    assert [part for part in parts if part not in str(error)] == []


@pytest.mark.parametrize("error", [error for error, _, _ in TOLD])
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pool"])
def test_error_survives_being_copied(
    error: errors.WorkmillError, copied: Callable[[errors.WorkmillError], errors.WorkmillError]
) -> None:
    twin = copied(error)

    assert type(twin) is type(error)
    assert (str(twin), twin.__dict__) == (str(error), error.__dict__)


def test_errors_carry_what_a_program_branches_on() -> None:
    assert errors.UnknownTask("a", ["b"]).known == ("b",)
    assert errors.InvalidArguments("a", [ARGUMENT]).errors == (ARGUMENT,)
    assert errors.JobConflict("abc", "why").job_id == "abc"
    conflict = errors.UniqueConflict("abc", "resize", "running")
    assert (conflict.job_id, conflict.task, conflict.state) == ("abc", "resize", "running")
    assert (errors.ParentNotFound("abc", "def").job_id, errors.ParentNotFound("abc", "def").parent) == ("abc", "def")
    assert errors.ScheduleChanged("nightly", 7).version == 7
    assert errors.FlowNotFound("f1").flow_id == "f1"
    assert (errors.QueueFull("mail", 10).queue, errors.QueueFull("mail", 10).waiting) == ("mail", 10)
    assert errors.JobFailed("abc", FAILURE).failure == FAILURE
    assert errors.JobCancelled("abc", "typo").reason == "typo"
    assert errors.WaitTimeout("abc", "queued", 1).state == "queued"

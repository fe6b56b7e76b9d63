"""What an engine and a solo process say to each other survives the way."""

from datetime import UTC, datetime, timedelta

import pytest

from workmill import Failure, FailureKind, Job, JobState, Policy, Progress, Retry
from workmill.running.solo.lines import Lines
from workmill.running.solo.words import Ask, Ended, Finishing, Leave, Message, Perform, Ready, Told, read, write
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed, Succeeded
from workmill.words.transition import decide

NOW = datetime(2030, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
FAILURE = Failure(kind=FailureKind.OUT_OF_MEMORY, type="OutOfMemory", message="über\n", traceback='File "x"\n')
FULL = Job(
    id="j1",
    task="add",
    queue="default",
    priority=-5,
    state=JobState.RUNNING,
    args='{"a":"ü\\n"}'.encode(),
    policy=Policy(max_attempts=3, timeout=timedelta(seconds=1.5), backoff=Retry(3).backoff),
    key="k",
    attempt=2,
    deaths=1,
    token=7,
    version=9,
    progress=Progress(current=1, total=2.5, message="half"),
    result=b"5",
    failure=FAILURE,
    worker="w1",
    engine=3,
    created_at=NOW,
    run_at=NOW,
    started_at=NOW,
    finished_at=NOW,
    expires_at=NOW,
    cancel_requested_at=NOW,
    cancel_reason="enough",
    cancel_forced=True,
    retry_of="j0",
)
EMPTY = Job(
    id="j2",
    task="add",
    queue="default",
    priority=0,
    state=JobState.RUNNING,
    args=b"{}",
    policy=Policy(),
    key=None,
    attempt=1,
    deaths=0,
    token=1,
    version=2,
    progress=None,
    result=None,
    failure=None,
    worker=None,
    engine=None,
    created_at=NOW,
    run_at=None,
    started_at=None,
    finished_at=None,
    expires_at=None,
    cancel_requested_at=None,
    cancel_reason=None,
)
OUTCOMES: tuple[Outcome, ...] = (
    Succeeded(result=b'{"a":[1,null]}'),
    Failed(failure=FAILURE),
    Failed(failure=FAILURE, retryable=False, after=timedelta(microseconds=1)),
    Snoozed(after=timedelta(days=2)),
    Cancelled(reason=None),
    Cancelled(reason="enough"),
    Interrupted(failure=FAILURE),
    Returned(),
)
TRANSITIONS = [decide(job, outcome, chance=0.5) for job in (FULL, EMPTY) for outcome in OUTCOMES]
MESSAGES: tuple[Message, ...] = (
    Ready(),
    Perform(job=FULL),
    Perform(job=EMPTY),
    Ask(reason="enough", gives_back=False),
    Ask(reason=None, gives_back=True),
    Told(progress=Progress(current=1, total=None, message=None)),
    *[Finishing(transition=transition) for transition in TRANSITIONS],
    *[Ended(outcome=outcome) for outcome in OUTCOMES],
    Ended(outcome=OUTCOMES[0], has_finished=True),
    Leave(),
)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    line = write(message)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read(line[:-1]) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"1",
        b'["shout"]',
        b'["ended"]',
        b'["ended",["won"],false]',
        b'["perform",{}]',
        b'["told","x"]',
    ],
)
def test_what_is_no_message_is_refused_with_one_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(line)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_come_whole_however_they_were_cut(size: int) -> None:
    stream, lines, found = b"one\n\ntwo and more\nrest", Lines(), []

    for start in range(0, len(stream), size):
        found += lines.feed(stream[start : start + size])

    assert found == [b"one", b"", b"two and more"]
    assert lines.feed(b"\n") == [b"rest"]

import pytest

from workmill.running.keeper import Term
from workmill.running.protocol import (
    Bye,
    Drain,
    Go,
    Hello,
    Message,
    Ping,
    Pong,
    Prolong,
    Quiet,
    Recall,
    Solos,
    Stop,
    read,
    split,
    write,
)

TERM = Term(stop_at=1.5, over_at=2.25)
MESSAGES = (
    Hello(url="sqlite:///jobs.db", tasks=("add", "über")),
    Hello(url="sqlite:///jobs.db", tasks=("add", "über"), process_tasks=("über",)),
    Hello(url="sqlite:///jobs.db", tasks=("add",), codes=(("add", "tasks.py", "add"), ("sub", "tasks.py", "sub"))),
    Ping(),
    Pong(lag_seconds=1.5, has_overstayed=True, job_id="J", task="über", stack="line 1\nline 2"),
    Recall(),
    Solos(pids=()),
    Solos(pids=(7, 8)),
    Go(worker_id="w1", engine=3, queues=("mail", "default"), concurrency=16, term=TERM),
    Go(worker_id="w1", engine=3, queues=None, concurrency=16, term=TERM),
    Prolong(term=TERM),
    Quiet(is_on=True),
    Go(worker_id="w1", engine=3, queues=None, concurrency=16, is_quiet=True, term=TERM),
    Drain(),
    Stop(grace_seconds=0.5),
    Bye(returned=2),
)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_the_line(message: Message) -> None:
    line = write(message)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read(line) == message


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"[]", b"{}", b'{"say":"sing"}', b'{"say":"bye"}', b'{"say":"bye","x":1}']
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a message|Expecting"):
        read(line)


def test_received_bytes_are_split_into_whole_lines_and_a_rest() -> None:
    assert split(b"one\ntwo\nthr") == ([b"one", b"two"], b"thr")
    assert split(b"one\n") == ([b"one"], b"")
    assert split(b"on") == ([], b"on")

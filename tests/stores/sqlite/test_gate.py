"""The line of writers: turns between processes, deadlines, and what dies in it."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, Start
from workmill.stores.sqlite.gate import Gate

HOLD = """
    import sys
    from pathlib import Path
    from workmill.stores.sqlite.gate import Gate

    gate = Gate(Path(sys.argv[1]))
    for line in sys.stdin:
        gate.enter(30) if line == "enter\\n" else gate.leave()
        print(line, end="", flush=True)
"""
Tell = Callable[[str], None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def gate(file: Path) -> Iterator[Gate]:
    gate = Gate(file)
    yield gate
    gate.close()


@pytest.fixture
def other(file: Path, start: Start) -> Tell:
    """Another process at the gate, and the way to tell it what to do."""
    process = start(HOLD, file)

    def tell(what: str) -> None:
        process.stdin.write(f"{what}\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{what}\n"

    def obey(what: str) -> None:
        if what == "die":
            process.kill()
            process.wait(DEADLINE_SECONDS)
        else:
            tell(what)

    return obey


def is_free(file: Path) -> bool:
    """Ask from a child, because a process's own lock never stands in its way."""
    child = os.fork()
    if child == 0:
        with file.open("r+b") as opened:
            try:
                fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def entered(gate: Gate, seconds: float) -> threading.Thread:
    thread = threading.Thread(target=gate.enter, args=(seconds,))
    thread.start()
    return thread


def wait_until(holds: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(DEADLINE_SECONDS * 100):
        if holds():
            return
        waiting.wait(0.01)
    raise AssertionError("not in time")


def test_one_is_inside_and_leaves(gate: Gate, file: Path) -> None:
    gate.enter(1)
    assert not is_free(file)

    gate.leave()

    assert is_free(file)


@pytest.mark.slow
def test_turn_comes_when_the_other_leaves(gate: Gate, file: Path, other: Tell) -> None:
    other("enter")
    waiting = entered(gate, DEADLINE_SECONDS)
    waiting.join(0.1)
    assert waiting.is_alive()

    other("leave")

    waiting.join(DEADLINE_SECONDS)
    assert not waiting.is_alive()
    assert not is_free(file)
    gate.leave()
    assert is_free(file)


@pytest.mark.slow
def test_death_inside_lets_the_next_one_in(gate: Gate, file: Path, other: Tell) -> None:
    other("enter")
    waiting = entered(gate, DEADLINE_SECONDS)

    other("die")

    waiting.join(DEADLINE_SECONDS)
    assert not waiting.is_alive()
    assert not is_free(file)


@pytest.mark.slow
def test_deadline_ends_the_wait_and_a_late_turn_is_given_back(gate: Gate, file: Path, other: Tell) -> None:
    other("enter")
    gate.enter(0.01)
    gate.leave()

    other("leave")

    wait_until(lambda: is_free(file))
    gate.enter(DEADLINE_SECONDS)
    assert not is_free(file)


@pytest.mark.slow
def test_who_gave_up_stands_in_line_again(gate: Gate, file: Path, other: Tell) -> None:
    other("enter")
    gate.enter(0.01)
    gate.leave()
    waiting = entered(gate, DEADLINE_SECONDS)

    other("leave")

    waiting.join(DEADLINE_SECONDS)
    assert not is_free(file)
    gate.leave()
    assert is_free(file)


def test_child_does_not_keep_its_parents_place(gate: Gate, file: Path) -> None:
    gate.enter(1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    gate.leave()

    assert is_free(file)

    os.close(read)
    os.close(write)
    os.waitpid(child, 0)


def test_file_system_without_locks_has_no_line(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _what: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "lockf", refuse)

    gate.enter(1)
    gate.leave()


@pytest.mark.slow
def test_machine_that_gives_no_threads_has_no_line(
    gate: Gate, file: Path, other: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    other("enter")
    monkeypatch.setattr(threading.Thread, "start", refuse)

    gate.enter(DEADLINE_SECONDS)
    gate.leave()

    monkeypatch.undo()
    assert not is_free(file)


def test_gate_that_cannot_be_made_stands_open(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "absent" / "gate")

    gate.enter(1)
    gate.leave()

    gate.close()
    gate.close()

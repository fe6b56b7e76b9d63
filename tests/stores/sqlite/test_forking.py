"""A fork meets no thread of ours inside SQLite."""

import os
import threading

import pytest

from workmill.stores.sqlite import forking
from workmill.stores.sqlite.forking import Inside

DEADLINE = 20.0


class Told:
    """A thread's lock that tells when somebody asks for it."""

    def __init__(self, lock: threading.Lock, asked: threading.Event) -> None:
        self._lock = lock
        self._asked = asked

    def acquire(self, timeout: float) -> bool:
        self._asked.set()
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()


def test_a_fork_waits_until_who_is_inside_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "FORK_SECONDS", DEADLINE)
    inside, entered, asked, left = Inside(), threading.Event(), threading.Event(), threading.Event()
    own = inside.lock

    def work() -> None:
        with own:
            entered.set()
            asked.wait(DEADLINE)
            left.set()

    worker = threading.Thread(target=work)
    worker.start()
    assert entered.wait(DEADLINE)
    monkeypatch.setattr(inside, "lock", Told(own, asked))

    forking.keep_out()

    assert left.is_set()
    assert own.locked(), "nobody enters meanwhile"
    forking.let_in()
    assert not own.locked()
    worker.join(DEADLINE)


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "FORK_SECONDS", 0.01)
    inside = Inside()
    with inside:
        forking.keep_out()
        forking.let_in()
        assert inside.lock.locked(), "it is not the fork that was inside"


def test_a_child_finds_all_doors_open() -> None:
    inside = Inside()
    child = os.fork()
    if child == 0:
        with Inside():
            os._exit(0 if not forking._kept_out else 1)  # noqa: SLF001 - what the child has inherited

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with inside:
        assert inside.lock.locked()

"""The child's end of the line, with the supervisor's end in the test's hand. Its kill is a note instead of a signal."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.running.fakes import Time
from workmill.running.elapsed import Elapsed, elapsed
from workmill.running.keeper import Term
from workmill.running.lifeline import ORPHAN_GRACE_SECONDS, Lifeline
from workmill.running.protocol import Drain, Go, Hello, Message, Ping, Pong, Prolong, Stop, read, write


class Scene:
    """A lifeline that hands what it hears to this test's loop."""

    def __init__(self, line: socket.socket, clock: Elapsed = elapsed) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.killed_at: float | None = None
        self.killed = threading.Event()
        loop = asyncio.get_running_loop()
        self.lifeline = Lifeline(line, loop, self.heard.put_nowait, clock=clock, kill=self.kill)
        self.lifeline.start()

    def kill(self) -> None:
        self.killed_at = elapsed()
        self.killed.set()

    async def hears(self) -> Message:
        async with asyncio.timeout(5):
            return await self.heard.get()

    async def is_killed(self) -> float:
        assert await asyncio.to_thread(self.killed.wait, 5)
        assert self.killed_at is not None
        return self.killed_at


@pytest.fixture
def lines() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        yield ours, theirs


def go(*, stop_in: float = 60.0, over_in: float = 90.0) -> bytes:
    return write(Go(worker_id="w1", engine=1, queues=None, concurrency=1, term=term(stop_in, over_in)))


def term(stop_in: float, over_in: float) -> Term:
    return Term(stop_at=elapsed() + stop_in, over_at=elapsed() + over_in)


@pytest.mark.slow
async def test_messages_reach_the_loop_however_they_are_cut(lines: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    sent = go() + write(Drain()) + write(Stop(grace_seconds=1))

    for at in range(0, len(sent), 7):
        ours.sendall(sent[at : at + 7])

    assert isinstance(await scene.hears(), Go)
    assert await scene.hears() == Drain()
    assert await scene.hears() == Stop(grace_seconds=1)
    ours.close()
    await scene.is_killed()


async def test_what_the_child_says_reaches_the_supervisor(lines: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = lines
    scene = Scene(theirs)

    scene.lifeline.say(Hello(url="sqlite:///jobs.db", tasks=()))

    assert read(ours.recv(4096)) == Hello(url="sqlite:///jobs.db", tasks=())
    ours.close()
    await scene.is_killed()
    scene.lifeline.say(Hello(url="sqlite:///jobs.db", tasks=()))  # To nobody: no error.


async def test_a_ping_is_answered_though_the_loop_stands_still(lines: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    ours.settimeout(5)

    ours.sendall(write(Ping()))
    answer = ours.recv(4096)  # The test's own loop, which is the child's, stands still meanwhile.

    assert read(answer) == Pong()
    ours.close()
    await scene.is_killed()


async def test_a_child_without_a_lease_dies_with_its_supervisor_at_once(
    lines: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    began = elapsed()

    ours.close()

    assert await scene.is_killed() - began < 0.5


@pytest.mark.slow
async def test_a_working_child_is_told_to_stop_first_when_its_supervisor_dies(
    lines: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    ours.sendall(go())
    await scene.hears()
    began = elapsed()

    ours.close()

    assert await scene.hears() == Stop(grace_seconds=ORPHAN_GRACE_SECONDS)
    assert not scene.killed.is_set()
    assert ORPHAN_GRACE_SECONDS < await scene.is_killed() - began < 1.0


@pytest.mark.slow
async def test_a_term_that_is_not_prolonged_stops_and_then_ends_the_child(
    lines: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    over_at = elapsed() + 0.3

    ours.sendall(go(stop_in=0.1, over_in=0.3))

    assert isinstance(await scene.hears(), Go)
    stop = await scene.hears()
    assert isinstance(stop, Stop)
    assert stop.grace_seconds == pytest.approx(0.1, abs=0.01)
    assert await scene.is_killed() >= over_at
    assert scene.heard.empty(), "it is told once"


async def test_a_term_that_is_prolonged_in_time_goes_unnoticed(lines: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = lines
    time = Time()
    scene = Scene(theirs, time)
    first, second = (Term(stop_at=time.now + end - 10, over_at=time.now + end) for end in (20, 60))
    ours.sendall(write(Go(worker_id="w1", engine=1, queues=None, concurrency=1, term=first)))
    ours.sendall(write(Prolong(term=second)) + write(Drain()))
    await scene.hears()
    await scene.hears()

    time.pass_by(30)
    for _ in range(2):  # The second is read after the first has made it look at its term.
        ours.sendall(write(Drain()))
        assert await scene.hears() == Drain()

    assert not scene.killed.is_set()
    time.pass_by(30)
    ours.sendall(write(Drain()))
    await scene.is_killed()


async def test_a_child_whose_term_passed_while_it_was_frozen_ends_at_once(
    lines: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = lines
    scene = Scene(theirs)
    began = elapsed()

    ours.sendall(go(stop_in=-2, over_in=-1))

    assert await scene.is_killed() - began < 0.5

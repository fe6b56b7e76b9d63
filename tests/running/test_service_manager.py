"""A worker and the service manager that started it, which is a socket of the test's."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.running.tree import tree
from workmill import App
from workmill.running.orders import Orders
from workmill.running.service_manager import ServiceManager, State, service_manager, tell_for_ever

DEADLINE_SECONDS = 20.0


class Manager:
    """What a service manager hears."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(DEADLINE_SECONDS)

    def hears(self) -> list[str]:
        """Wait for the next message that is no ping."""
        while (message := self.socket.recv(4096).decode()) == "WATCHDOG=1":
            continue
        return message.split("\n")

    def has_heard(self) -> list[str]:
        """Return what it was told so far and has not read."""
        heard = []
        self.socket.setblocking(False)
        try:
            while True:
                heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            self.socket.settimeout(DEADLINE_SECONDS)
            return heard

    def close(self) -> None:
        self.socket.close()


@pytest.fixture(params=["in a folder", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has addresses outside of every folder")
    address = f"@workmill-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with closing(Manager(address)) as it:
        yield it


@pytest.fixture
def told(manager: Manager) -> Iterator[ServiceManager]:
    with closing(ServiceManager(manager.address, None)) as it:
        yield it


def test_a_process_that_none_started_tells_nobody() -> None:
    assert service_manager({}) is None
    assert service_manager({"NOTIFY_SOCKET": "vsock:2:1234"}) is None


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_it_is_pinged_twice_as_often_as_it_demands(environ: dict[str, str], seconds: float | None) -> None:
    given = {"NOTIFY_SOCKET": "/nowhere", "OTHER": "kept", **environ}

    it = service_manager(given)

    assert it is not None
    with closing(it):
        assert it.ping_seconds == seconds
    assert given == {"OTHER": "kept"}, "no child may speak for the worker"


def test_one_that_does_not_listen_harms_nobody(tmp_path: Path) -> None:
    with closing(ServiceManager(str(tmp_path / "nowhere"), None)) as it:
        it.say("READY=1")


async def test_every_change_is_told_once(manager: Manager, told: ServiceManager) -> None:
    turns = asyncio.Queue[State]()
    for state in (State.STARTING, State.READY, State.READY, State.WAITING, State.READY, State.RESTARTING):
        turns.put_nowait(state)
    turns.put_nowait(State.STOPPING)

    with pytest.raises(asyncio.QueueEmpty):
        await tell_for_ever(told, turns.get_nowait, lambda: True, Orders(), sleep=at_once)

    messages = [message.split("\n") for message in manager.has_heard()]
    restarting = messages.pop(4)
    assert messages == [
        ["STATUS=starts"],
        ["READY=1", "STATUS=takes jobs"],
        ["STATUS=waits for its store or for an engine"],
        ["READY=1", "STATUS=takes jobs"],
        ["STOPPING=1", "STATUS=takes no more jobs and finishes those that run"],
    ]
    assert restarting[0] == "RELOADING=1"
    assert int(restarting[1].removeprefix("MONOTONIC_USEC=")) > 0


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_it_is_pinged_only_while_all_is_well(manager: Manager) -> None:
    wells = [True, False, True]
    with closing(ServiceManager(manager.address, 0.01)) as told, pytest.raises(IndexError):
        await tell_for_ever(told, lambda: State.READY, lambda: wells.pop(0), Orders(), sleep=at_once)

    assert manager.has_heard() == ["READY=1\nSTATUS=takes jobs", "WATCHDOG=1", "WATCHDOG=1"]


async def test_an_order_is_told_without_delay(manager: Manager, told: ServiceManager) -> None:
    orders = Orders()

    def state() -> State:
        return State.STOPPING if orders.draining.is_set() else State.READY

    telling = asyncio.create_task(
        tell_for_ever(told, state, lambda: True, orders, sleep=lambda _: asyncio.Event().wait())
    )
    await asyncio.sleep(0)
    orders.end("TERM")

    async with asyncio.timeout(5):
        while len(heard := manager.has_heard()) < 1 or "STOPPING=1" not in heard[-1]:  # noqa: ASYNC110 - a socket's
            await asyncio.sleep(0)
    telling.cancel()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it follows a process tree")
def test_a_worker_tells_what_it_does(app: App, url: str, gate: Path, manager: Manager) -> None:
    with tree(url, "env", f"NOTIFY_SOCKET={manager.address}", "WATCHDOG_USEC=200000") as worker:
        assert manager.hears() == ["STATUS=starts"]
        assert manager.hears() == ["READY=1", "STATUS=takes jobs"]
        for _ in range(3):
            assert manager.socket.recv(4096) == b"WATCHDOG=1"

        worker.signal(signal.SIGHUP)
        assert manager.hears()[0] == "RELOADING=1"
        worker.until("EngineRelieved")
        assert manager.hears() == ["READY=1", "STATUS=takes jobs"]

        app.tasks["stubborn"].enqueue(str(gate))
        worker.until("running stubborn")
        worker.signal(signal.SIGTERM)
        assert manager.hears()[0] == "STOPPING=1"
        assert manager.socket.recv(4096) == b"WATCHDOG=1", "a drain may take longer than the watchdog waits"
        gate.touch()
        assert worker.ended() == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it follows a process tree")
def test_a_frozen_supervisor_is_not_heard(url: str, tmp_path: Path) -> None:
    with (
        closing(Manager(str(tmp_path / "notify"))) as manager,
        tree(url, "env", f"NOTIFY_SOCKET={manager.address}", "WATCHDOG_USEC=200000") as worker,
    ):
        manager.hears()
        manager.hears()
        worker.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, worker.pid, os.WSTOPPED | os.WNOWAIT)
        manager.has_heard()

        manager.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            manager.socket.recv(4096)
        worker.signal(signal.SIGCONT)

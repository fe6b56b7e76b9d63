"""An engine's end of one solo process: start it, speak to it, hear it, make it end, know how it ended."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from workmill.running.command import Target
from workmill.running.reaper import how_it_ended
from workmill.running.solo.lines import Lines
from workmill.running.solo.words import Message, Ready, read, write
from workmill.running.stack import STACK_SIGNAL, open_stack, read_stack

READY_SECONDS = 300.0
"""How long a solo may take to import its target before it is killed as hung."""
LEAVE_SECONDS = 2.0
"""How long one that was told to leave may take to exit."""
UNKNOWN_CODE = 255
"""The exit code of a solo that somebody else has waited for, such as code of the target that reaps children."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a solo ended: its exit code, or minus the signal's number; the most memory it had; its last stack, if any."""

    exit_code: int
    peak_bytes: int
    stack: str

    @property
    def how(self) -> str:
        """How, in words that follow "was"."""
        return how_it_ended(self.exit_code)


class SoloProcess(asyncio.Protocol):
    """One solo process, from its start to its end. Only in the main thread: the kernel ties a child to that thread.

    It leads a process group of its own: whatever made it end, what it started ends with it.

    Attributes:
        heed: Is given what it says.
        mourn: Is told of its death, before anybody else.
        is_heeding: Whether it can be given a job: it was neither told to leave nor killed.

    Raises:
        OSError: The system gives no more processes, memory or files.
    """

    def __init__(self, target: Target) -> None:
        self.heed: Callable[[Message], None] = self._await_ready
        self.mourn: Callable[[Death], None] = _do_nothing
        self.is_heeding = True
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._ready: asyncio.Future[bool] = self._loop.create_future()
        self._ended: asyncio.Future[Death] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._is_reaped = False
        with ExitStack() as undoing:
            self._line, theirs = socket.socketpair()
            undoing.push(self._line)
            with theirs:
                self._stack = open_stack()
                undoing.callback(os.close, self._stack)
                self._process = _spawned(target, theirs.fileno(), self._stack)
            undoing.pop_all()
        threading.Thread(target=self._await_end, name="workmill-solo", daemon=True).start()

    async def connect(self) -> None:
        """Begin to hear it and speak to it."""
        await self._loop.create_unix_connection(lambda: self, sock=self._line)

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._ended.done()

    async def ready(self) -> bool:
        """Wait until it can run jobs; False when it ended before. One that takes too long is killed."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), READY_SECONDS)
        except TimeoutError:
            self.kill()
            return await self._ready

    async def ended(self) -> Death:
        """Wait until it is gone."""
        return await asyncio.shield(self._ended)

    def on_end(self, call: Callable[[], None]) -> None:
        """Have something called when it is gone."""
        self._ended.add_done_callback(lambda _: call())

    def say(self, message: Message) -> None:
        """Tell it. One that has ended is told nothing."""
        if self._transport is not None:
            self._transport.write(write(message))

    def write_stack(self) -> None:
        """Have it write down where it is, for the evidence."""
        self._send(STACK_SIGNAL)

    def terminate(self) -> None:
        """Send TERM to it and what it started."""
        self._send(signal.SIGTERM, group=True)

    def kill(self) -> None:
        """Kill it and what it started, at once."""
        self.is_heeding = False
        self._send(signal.SIGKILL, group=True)

    def leave(self, message: Message) -> None:
        """Tell it to leave, and kill it when it takes too long."""
        self.is_heeding = False
        self.say(message)
        overdue = self._loop.call_later(LEAVE_SECONDS, self.kill)
        self._ended.add_done_callback(lambda _: overdue.cancel())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket has no other; for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hear it."""
        try:
            for line in self._lines.feed(data):
                self.heed(read(line))
        except ValueError:
            self.kill()  # Its code writes on a line that is not its own.

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Know that it is ending; or that its code has closed what is not its own, and it is deaf now."""
        self._transport = None
        self.kill()

    def _send(self, number: int, *, group: bool = False) -> None:
        if not self._is_reaped:
            with suppress(ProcessLookupError, PermissionError):
                (os.killpg if group else os.kill)(self.pid, number)

    def _await_ready(self, message: Message) -> None:
        if isinstance(message, Ready) and not self._ready.done():
            self._ready.set_result(True)

    def _await_end(self) -> None:
        # In a thread: no other way tells of one child, on every system, and with what it used.
        pid, code, peak = self._process.pid, UNKNOWN_CODE, 0
        with suppress(ChildProcessError):
            if hasattr(os, "waitid"):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                self._send(signal.SIGKILL, group=True)  # While its number is surely its own.
            self._is_reaped = True
            _, status, usage = os.wait4(pid, 0)
            code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss * _RSS_UNIT
        self._process.returncode = code
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(self._note_end, code, peak)

    def _note_end(self, code: int, peak: int) -> None:
        self._hear_the_rest()
        self.is_heeding = False
        death = Death(exit_code=code, peak_bytes=peak, stack=read_stack(self._stack))
        os.close(self._stack)
        if self._transport is None:
            self._line.close()
        else:
            self._transport.close()
        if not self._ready.done():
            self._ready.set_result(False)
        self.mourn(death)
        self._ended.set_result(death)

    def _hear_the_rest(self) -> None:
        """Take what it said last, ahead of the transport, so that it is heard before its death is told."""
        with suppress(OSError):
            while self._transport is not None and (data := self._line.recv(65536)):
                self.data_received(data)


def _spawned(target: Target, line: int, stack: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        target.command("workmill.running.solo", f"--line={line}", f"--stack={stack}"),
        pass_fds=(line, stack),
        stdin=subprocess.DEVNULL,
        process_group=0,
    )


def _do_nothing(_death: Death) -> None:
    return

"""The supervisor's end of one engine child: start it, speak to it, hear it, kill it, know how it ended."""

import asyncio
import os
import signal
import socket
import subprocess
from contextlib import suppress

from workmill.running.command import Target
from workmill.running.culprits import Code
from workmill.running.protocol import Bye, Draining, Hello, Message, Ping, Pong, Solos, read, split, write
from workmill.running.reaper import Reaper, how_it_ended
from workmill.running.stack import STACK_SECONDS, STACK_SIGNAL, clear_stack, open_stack, read_stacks

HELLO_SECONDS = 300.0
"""How long a child may take to import its target before it is killed as hung."""
EXIT_SECONDS = 5.0
"""How long a child may take to exit after its bye."""


class EngineProcess:
    """One engine child, from its start to its end. Only in the main thread: the kernel ties a child to that thread.

    It leads a process group of its own: Ctrl-C in a terminal reaches the supervisor alone and not the programs that
    tasks have started, and to kill it is to kill them with it.

    Attributes:
        solos: How many solo processes it may have, to run the jobs that need one; 0 for one that runs the others.
        number: Which of the supervisor's children it is; never used again, so that the jobs of one that died are never
            taken for those of its successor.
        bye: What it said before it ended in order.
        drained: Set when it begins no claim any more.
        has_gone: Whether it was told to go, so that it may hold jobs.
        is_dismissed: Whether it was killed because it had to leave its place: no fault of what it ran.
        codes: Where a stack shows its tasks.
        pong: What it said last of how it does.
        missed: How many pings in a row it has left unanswered when it should have.
        last_stack: Where it was when it ended, or when it was last asked; empty where it did not say.
        exit_code: How it ended: minus the signal's number if one killed it; None while it lives.
    """

    def __init__(self, target: Target, number: int, reaper: Reaper, *, solos: int = 0) -> None:
        self.number = number
        self.solos = solos
        self.bye: Bye | None = None
        self.drained = asyncio.Event()
        self.has_gone = False
        self.is_dismissed = False
        self.exit_code: int | None = None
        self.codes: tuple[Code, ...] = ()
        self.pong = Pong()
        self.missed = 0
        self.last_stack = ""
        self._is_pinged = False
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._groups: tuple[int, ...] = ()
        self._hello: asyncio.Future[Hello | None] = self._loop.create_future()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._overdue: asyncio.TimerHandle | None = None
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        self._stack = open_stack()
        with theirs:
            line, stack = theirs.fileno(), self._stack
            self._process = subprocess.Popen(
                target.command("workmill.running.child", f"--line={line}", f"--stack={stack}", f"--solos={solos}"),
                pass_fds=[line, stack],
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        reaper.watch(self._process.pid).add_done_callback(self._note_end)
        self._loop.add_reader(self._line, self._receive)

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    @property
    def how_it_ended(self) -> str:
        """How it ended, in words."""
        return "it runs" if self.exit_code is None else how_it_ended(self.exit_code)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self.exit_code is not None

    async def hello(self) -> Hello | None:
        """Wait for its hello; None when it ended before. One that takes too long is killed."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._hello), HELLO_SECONDS)
        except TimeoutError:
            self.kill()
            return await self._hello

    async def ended(self) -> None:
        """Wait until it is gone."""
        await asyncio.wait([self._ended])

    def say(self, message: Message) -> None:
        """Tell it. One that has ended, or has not listened for hours, is told nothing."""
        with suppress(OSError):
            self._line.send(write(message))

    def ping(self) -> None:
        """Ask it how it does, unless it has yet to answer; then one more answer is missed."""
        if self._is_pinged:
            self.missed += 1
        else:
            self._is_pinged = True
            self.say(Ping())

    async def write_stack(self) -> None:
        """Have it write where its threads are, whatever they do, and keep that as `last_stack`."""
        if self.has_ended:
            return
        clear_stack(self._stack)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, STACK_SIGNAL)
        await asyncio.sleep(STACK_SECONDS)
        if not self.has_ended:
            self.last_stack = read_stacks(self._stack)
            clear_stack(self._stack)  # What is there when it dies is the evidence of its death.

    def kill(self) -> None:
        """Kill it and what it started, at once."""
        if self.exit_code is None:
            self._kill_groups()

    def _receive(self) -> bool:
        """Read what it has said; return whether there was anything."""
        try:
            received = self._line.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            received = b""
        lines, self._rest = split(self._rest + received)
        for line in lines:
            self._heed(read(line))
        if not received:
            # It is ending; or its code has closed what is not its own, and it is deaf now.
            self._loop.remove_reader(self._line)
            self._expect_exit()
        return bool(received)

    def _heed(self, message: Message) -> None:
        if isinstance(message, Hello) and not self._hello.done():
            self.codes = message.codes
            self._hello.set_result(message)
        elif isinstance(message, Draining):
            self.drained.set()
        elif isinstance(message, Pong):
            self.pong, self.missed, self._is_pinged = message, 0, False
        elif isinstance(message, Bye):
            self.bye = message
            self._expect_exit()
        elif isinstance(message, Solos):
            self._groups = message.pids

    def _expect_exit(self) -> None:
        if self._overdue is None:
            self._overdue = self._loop.call_later(EXIT_SECONDS, self.kill)

    def _note_end(self, exited: asyncio.Future[int]) -> None:
        self.exit_code = self._process.returncode = exited.result()
        while self._receive():
            pass  # What it said last.
        self._loop.remove_reader(self._line)
        self._line.close()
        self.last_stack = read_stacks(self._stack) or self.last_stack
        os.close(self._stack)
        if self._overdue is not None:
            self._overdue.cancel()
        if self.bye is None:
            self._kill_groups()  # What it started.
        if not self._hello.done():
            self._hello.set_result(None)
        self.drained.set()
        self._ended.set_result(self.exit_code)

    def _kill_groups(self) -> None:
        for leader in (self.pid, *self._groups):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)

"""An engine child's end of the line to its supervisor, in a thread of its own, and its death when the line is cut.

User code may block the child's event loop as long as it likes: this thread still hears the supervisor, and still ends
the process when it must. Code that holds Python's lock for long can keep it too from running; for the death of the
supervisor the kernel stands in (`parent_death`).
"""

import os
import select
import signal
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable

from workmill.running.elapsed import Elapsed, elapsed
from workmill.running.keeper import Term
from workmill.running.protocol import Go, Message, Ping, Pong, Prolong, Stop, read, split, write

ORPHAN_SECONDS = 0.8
"""How long a child may go on after its supervisor died, to give its jobs back."""
ORPHAN_GRACE_SECONDS = 0.3
"""How much of that its jobs have to end by themselves."""
LONGEST_WAIT_SECONDS = 1.0
"""How long it waits before it looks at its term again: waits do not count a machine's sleep, terms do."""
NEVER = float("inf")


class Lifeline:
    """Hears the supervisor and hands what it says to the child's loop.

    Args:
        line: The socket that the supervisor handed over.
        loop: Where `hear` is called; it need not run yet.
        hear: Is given every message but terms, which are kept here; and `Stop`, once, when the supervisor died or the
            lease could not be prolonged.
        pulse: Makes the answer to a ping, in the lifeline's thread.
        kill: Ends this process at once.
    """

    def __init__(
        self,
        line: socket.socket,
        loop: AbstractEventLoop,
        hear: Callable[[Message], None],
        *,
        clock: Elapsed = elapsed,
        pulse: Callable[[], Pong] = Pong,
        kill: Callable[[], None] | None = None,
    ) -> None:
        self._line: socket.socket | None = line
        self._send = line
        self._loop = loop
        self._hear = hear
        self._clock = clock
        self._pulse = pulse
        self._kill = kill or kill_group
        self._saying = threading.Lock()
        self._rest = b""
        self._stop_at = self._over_at = NEVER
        self._grace = 0.0
        self._thread = threading.Thread(target=self._watch, name="workmill-lifeline", daemon=True)

    def start(self) -> None:
        """Begin to hear. The thread ends with the process."""
        self._thread.start()

    def say(self, message: Message) -> None:
        """Tell the supervisor; a dead one is told nothing."""
        try:
            with self._saying:
                self._send.sendall(write(message))
        except OSError:
            return

    def _watch(self) -> None:
        while True:
            if self._is_readable(self._patience()):
                self._receive()
            now = self._clock()
            if now >= self._over_at:
                self._kill()
                return
            if now >= self._stop_at:
                self._stop_at = NEVER
                self._hand_over(Stop(grace_seconds=self._grace))

    def _patience(self) -> float:
        left = min(self._stop_at, self._over_at) - self._clock()
        return min(max(left, 0.0), LONGEST_WAIT_SECONDS)

    def _is_readable(self, seconds: float) -> bool:
        poll = select.poll()
        if self._line is not None:
            poll.register(self._line, select.POLLIN)
        # Rounded up: a poll that ends a moment early would only be made again.
        return bool(poll.poll(seconds * 1000 + 1))

    def _receive(self) -> None:
        try:
            received = self._line.recv(65536) if self._line is not None else b""
        except OSError:
            received = b""
        if not received:
            self._be_orphaned()
            return
        lines, self._rest = split(self._rest + received)
        for line in lines:
            self._heed(read(line))

    def _heed(self, message: Message) -> None:
        if isinstance(message, Go | Prolong):
            self._keep(message.term)
        if isinstance(message, Ping):
            self.say(self._pulse())
        elif not isinstance(message, Prolong):
            self._hand_over(message)

    def _keep(self, term: Term) -> None:
        self._stop_at, self._over_at, self._grace = term.stop_at, term.over_at, term.grace_seconds

    def abandon(self) -> None:
        """In a forked copy of this process: leave the line to the original."""
        self._send.close()

    def _be_orphaned(self) -> None:
        self._line = None
        now, has_gone = self._clock(), self._over_at < NEVER
        self._stop_at, self._grace = now, ORPHAN_GRACE_SECONDS
        self._over_at = min(self._over_at, now + ORPHAN_SECONDS) if has_gone else now  # Then it has no jobs.

    def _hand_over(self, message: Message) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hear, message)
        except RuntimeError:
            return  # The loop is closed: the child is ending by itself.


def kill_group() -> None:
    """End this process and whatever its tasks started, at once; the group is its own where a supervisor spawned it."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

"""A solo process's end of the line to its engine, heard in a thread of its own."""

import select
import socket
import threading
import time
from collections.abc import Callable

from workmill.running.lifeline import kill_group
from workmill.running.solo.lines import Lines
from workmill.running.solo.words import Ended, Message, Perform, Told, read, write
from workmill.words.job import Progress
from workmill.words.outcome import Outcome

TELL_SECONDS = 0.1
"""Progress is passed on at most this often."""
LATE_SECONDS = 0.25
"""What was not passed on when it was said is passed on this much later, or with the job's end."""


class Line:
    """Hears the engine, and speaks to it from any thread; the engine gone, it ends the process with all it started.

    Args:
        hear: Is given every message, in the line's own thread.
    """

    def __init__(self, line: socket.socket, hear: Callable[[Message], None]) -> None:
        self._line = line
        self._hear = hear
        self._lines = Lines()
        self._speaking = threading.Lock()
        self._newest: Progress | None = None
        self._told_at = 0.0
        self._performs = False
        self._is_ours = True

    def start(self) -> None:
        """Begin to hear. The thread ends with the process."""
        threading.Thread(target=self._listen, name="workmill-line", daemon=True).start()

    def say(self, message: Message) -> None:
        """Tell the engine; one that is gone is told nothing."""
        with self._speaking:
            self._say(message)

    def tell(self, progress: Progress) -> None:
        """Tell the engine of progress, now or soon."""
        if not self._is_ours:
            return
        with self._speaking:
            self._newest = progress
            if time.monotonic() - self._told_at >= TELL_SECONDS:
                self._tell_newest()

    def end(self, outcome: Outcome, *, has_finished: bool) -> None:
        """Tell the engine what became of the job, after its last progress."""
        with self._speaking:
            self._performs = False
            self._tell_newest()
            self._say(Ended(outcome=outcome, has_finished=has_finished))

    def abandon(self) -> None:
        """In a forked copy of this process: leave the line to the original."""
        self._is_ours = False
        self._speaking = threading.Lock()  # It may be held, by a thread that the copy does not have.
        self._line.close()

    def _say(self, message: Message) -> None:
        try:
            self._line.sendall(write(message))
        except OSError:
            return  # The thread that listens sees to it.

    def _tell_newest(self) -> None:
        progress, self._newest = self._newest, None
        if progress is not None:
            self._told_at = time.monotonic()
            self._say(Told(progress=progress))

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        while True:
            if poll.poll(LATE_SECONDS * 1000 if self._performs else None):
                self._receive()
            elif self._newest is not None:
                with self._speaking:
                    self._tell_newest()

    def _receive(self) -> None:
        try:
            received = self._line.recv(65536)
        except OSError:
            received = b""
        if not received:
            kill_group()
        for line in self._lines.feed(received):
            message = read(line)
            if isinstance(message, Perform):
                self._performs = True
            self._hear(message)

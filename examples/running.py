"""The programs of an example, started together, watched, and ended together."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".cache" / "demo"
HOST = "127.0.0.1"
GRACE_SECONDS = 2.0
"""How long a worker lets its jobs finish: who has pressed ctrl-C does not want to wait."""
READY_SECONDS = 30.0
LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0
STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
PR_SET_PDEATHSIG = 1

port_option = click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where the pages are served."
)


def run_together(programs: Mapping[str, Sequence[str]], port: int, told: str, environment: Mapping[str, str]) -> None:
    """Run Python programs until ctrl-C or until one of them ends; leave none behind.

    Args:
        programs: The arguments for Python of each, by what it is called.
        port: Where one of them serves pages, on this machine only.
        told: What to say when it is served.
        environment: Their environment.

    Raises:
        click.ClickException: The port is in use, a program ended by itself, or nobody serves the port in time.
    """
    if not _is_free(port):
        raise click.ClickException(f"port {port} is in use on {HOST}: stop what uses it, or choose another with --port")
    with _running(programs, environment) as processes:
        if _is_served(port, processes):
            click.echo(told)
            _wait(processes)


def environment_of(name: str, *, options: str = "") -> dict[str, str]:
    """Return this environment with a store: the one it names, else a file of the example's own."""
    if os.environ.get("WORKMILL_URL"):
        return dict(os.environ)
    DATA.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "WORKMILL_URL": f"sqlite:///{DATA / name}.db{options}"}


def worker_of(target: str, *, concurrency: int, name: str | None = None) -> list[str]:
    """Return the arguments for Python of a worker that reloads when its code changes."""
    words = ["-m", "workmill", "worker", target, f"--concurrency={concurrency}", f"--grace={GRACE_SECONDS:g}"]
    return [*words, "--reload", *([] if name is None else [f"--name={name}"])]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server will bind: what only lingers from a connection that has ended is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _running(
    programs: Mapping[str, Sequence[str]], environment: Mapping[str, str]
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start the programs, each in a process group of its own, and end them all."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, words in programs.items():
            processes[name] = _start(words, environment)
        # From here on signals wait until they are asked for; the children were started without that.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPS, signal.SIGCHLD})
        yield processes
    finally:
        _end(list(processes.values()))


def _start(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        process_group=0,  # so that ctrl-C reaches this process alone, which then ends the others in order
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread runs here
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_served(port: int, processes: Mapping[str, subprocess.Popen[bytes]]) -> bool:
    """Wait until the port is served; False where somebody wants an end before that."""
    deadline = time.monotonic() + READY_SECONDS
    while not signal.sigpending() & STOPS:
        _check(processes)
        with contextlib.suppress(ConnectionError, TimeoutError):
            socket.create_connection((HOST, port), timeout=READY_SECONDS).close()
            return True
        if time.monotonic() > deadline:
            raise click.ClickException(f"the web server did not answer within {READY_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
    return False


def _wait(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    while signal.sigwait({*STOPS, signal.SIGCHLD}) == signal.SIGCHLD:
        _check(processes)


def _check(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise click.ClickException(f"the {name} ended by itself, with status {process.returncode}")


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask for an end, then insist."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            _signal(process, number)
        if _have_ended(processes):
            return


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        send = os.killpg if number == signal.SIGKILL else os.kill
        with contextlib.suppress(ProcessLookupError):
            send(process.pid, number)


def _have_ended(processes: Sequence[subprocess.Popen[bytes]]) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    return all(process.poll() is not None for process in processes)

"""`python -m examples.chess`: the worker and the web server, started and stopped together."""

import contextlib
import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import click

from examples.chess.stockfish import ROOT, NoStockfish, find_stockfish

HOST = "127.0.0.1"
THREADS = 16
DATA = ROOT / ".cache" / "demo" / "chess.db"
REFERENCE = '{"fen": "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"}'
READY_SECONDS = 20.0
LOOK_SECONDS = 0.1
GRACE_SECONDS = 2.0
STOP_SECONDS = 10.0
STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
PR_SET_PDEATHSIG = 1


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where the page is served."
)
def main(port: int) -> None:
    """Run the chess example: a web server that takes positions, and a worker that analyses them."""
    try:
        engine = find_stockfish()
    except NoStockfish as error:
        raise click.ClickException(str(error)) from error
    if not _is_free(port):
        raise click.ClickException(f"port {port} is in use on {HOST}: stop what uses it, or choose another with --port")
    environment = _environment()
    worker = ["-m", "workmill", "worker", "examples.chess.tasks:app"]
    worker += [f"--concurrency={os.cpu_count() or 1}", f"--grace={GRACE_SECONDS:g}"]
    # Waitress is made for WSGI: threads, bounded buffers, and the full protocol, in pure Python.
    web = ["-m", "waitress", f"--listen={HOST}:{port}", f"--threads={THREADS}", "--call", "examples.chess:create_app"]
    with _running([worker, web], environment) as processes:
        if _is_served(port, processes):
            _tell(port, engine, environment["WORKMILL_URL"])
            _wait(processes)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server will bind: what only lingers from a connection that has ended is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _environment() -> dict[str, str]:
    if os.environ.get("WORKMILL_URL"):
        return dict(os.environ)
    DATA.parent.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "WORKMILL_URL": f"sqlite:///{DATA}"}


@contextlib.contextmanager
def _running(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the commands, each in a process group of its own, and end them all."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(_start(command, environment) for command in commands)
        # From here on signals wait until they are asked for; the children were started without that.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPS, signal.SIGCHLD})
        yield processes
    finally:
        _end(processes)


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        process_group=0,  # so that ctrl-C reaches this process alone, which then ends the others in order
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread runs here
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_served(port: int, processes: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Wait until the page is served; False where somebody wants an end before that."""
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


def _tell(port: int, engine: Sequence[str], url: str) -> None:
    address = f"http://{HOST}:{port}"
    click.echo(
        f"\nChess analysis runs, with {shlex.join(engine)}\n\n"
        f"  the page      {address}/\n"
        f"  by hand       curl -H 'Content-Type: application/json' -d '{REFERENCE}' {address}/analyze\n"
        f"                curl '{address}/analysis?id=…'\n"
        f"  the jobs      {url}\n\n"
        "Ctrl-C stops it.\n"
    )


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    while signal.sigwait({*STOPS, signal.SIGCHLD}) == signal.SIGCHLD:
        _check(processes)


def _check(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for name, process in zip(("worker", "web server"), processes, strict=True):
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


if __name__ == "__main__":
    main()

"""`python -m examples.sentiment.speed FILE`: how much faster are four analyses at once than one after another?

A worker is started for it on a store of its own, with a place for each of the four: processes, as threads of one
process would share one core. The best of some rounds counts, as what else the machine does is no part of the answer.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from examples.running import ROOT
from examples.sentiment.__main__ import worker

STOP_SECONDS = 30.0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="How often both are timed.")
def main(file: Path, rounds: int) -> None:
    """Time the four analyses of FILE, one after another and side by side."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKMILL_URL"] = f"sqlite:///{Path(folder, 'speed.db')}?driver=sqlite3"
        with _worker():
            # Imported now, as it is bound to the store that the environment names.
            times = import_module("examples.sentiment.timing").measured(file, rounds)
    click.echo(f"one after another  {times.one_by_one:6.2f} s\nfour at once       {times.at_once:6.2f} s")
    click.echo(f"speed-up           {times.one_by_one / times.at_once:6.2f} × on {os.cpu_count()} cores")


@contextmanager
def _worker() -> Iterator[None]:
    """Run a worker that takes analyses and nothing else: what follows them is not timed."""
    words = worker("speed", 4, "--queues=analyses", "--log-level=error")
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    main()

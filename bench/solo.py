"""Measure what a process of its own costs a job, and that it costs the others nothing.

    ./run bench solo [--jobs 10000] [--solos 16] [--rounds 3] [--before COMMIT]

Drains no-op jobs on SQLite: of a task with `process=True`, and of a plain one. With `--before`, plain jobs are drained
by that commit, too, in turn with this checkout so that the machine's moods meet both alike. Medians of the rounds.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench._end_to_end import CACHE, ROOT

SOLO, PLAIN, BEFORE = "solo", "plain", "plain, before"


def main() -> None:
    """Drain in turn, and print the medians."""
    parser = argparse.ArgumentParser(prog="./run bench solo", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--solos", type=int, default=16)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="a commit to compare plain jobs with")
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        show(measure(Path(name), chosen))


def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, list[float]]:
    """Return the rates of each side, one for each round."""
    plain = ["bench._tasks", "nothing", str(chosen.jobs), "-c", str(chosen.concurrency)]
    solo = ["bench._solo_tasks", "nothing", str(chosen.jobs), "--solos", str(chosen.solos)]
    sides = {SOLO: (solo, ROOT / "src"), PLAIN: (plain, ROOT / "src")}
    if chosen.before:
        sides[BEFORE] = (plain, source_at(chosen.before, folder))
    rates: dict[str, list[float]] = defaultdict(list)
    for round_number in range(chosen.rounds):
        for side, (words, source) in sides.items():
            rates[side].append(drained(words, source, folder / f"{side[:5]}{len(side)}-{round_number}.db"))
    return rates


def source_at(commit: str, folder: Path) -> Path:
    """Return the package as a commit had it."""
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / "before", filter="data")
    return folder / "before" / "src"


def drained(words: Sequence[str], source: Path, file: Path) -> float:
    """Return jobs a second of one drain."""
    # The folder of the source comes before the installed package, which is this checkout.
    environment = {**os.environ, "WORKMILL_URL": f"sqlite:///{file}", "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "bench._drain", *words]
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(said.stdout.split()[-1])


def show(rates: dict[str, list[float]]) -> None:
    """Print the median of each side, and the ratio of the plain ones."""
    for side, found in rates.items():
        listed = ", ".join(f"{each:,.0f}" for each in found)
        print(f"{side:>14}: {statistics.median(found):8,.0f} jobs/s  ({listed})")
    if BEFORE in rates:
        ratios = [now / then for now, then in zip(rates[PLAIN], rates[BEFORE], strict=True)]
        print(
            f"{'now / before':>14}: {statistics.median(ratios):8.3f}  ({', '.join(f'{each:.3f}' for each in ratios)})"
        )


if __name__ == "__main__":
    main()

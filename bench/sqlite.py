"""Measure the embedded store end to end, beside the raw statements of the same row shape in the same run.

    ./run bench sqlite [--jobs 20000] [--concurrency 200]

What is compared is what a machine's noise leaves alone: ratios within one run. The raw side writes the same rows with
the same durability in one process and no worker; it is a ceiling, not a rival.
"""

import argparse
import os
import tempfile
from pathlib import Path

from bench._end_to_end import CACHE, Aims, measure
from bench._raw_sqlite import RawQueue
from bench._report import show

AIMS = Aims(drain=">= 15,000", pickup="<= 2")


def main() -> None:
    """Run all measures in a folder of their own and show them."""
    parser = argparse.ArgumentParser(prog="./run bench sqlite", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=200)
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        os.environ["WORKMILL_URL"] = f"sqlite:///{folder}/bench.db"
        raw = RawQueue(folder / "raw.db")
        found = measure(raw, AIMS, jobs=chosen.jobs, concurrency=chosen.concurrency, folder=folder)
        show("SQLite end to end", found, CACHE)


if __name__ == "__main__":
    main()

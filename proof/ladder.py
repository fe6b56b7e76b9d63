"""Let tasks run that no word ends, and see each ended from outside, its neighbours unharmed and its slot free again.

    ./run proof ladder [--killer NAME ...] [--kind async|thread|process ...] [--way "time limit"|cancel ...]

Each killer runs as `async def`, in a thread and in a process of its own, under a time limit and under a cancel: one
worker tree each, with neighbours in the same engine. The worker waits one second, instead of five, for what overstays.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from proof.laddering.cell import Cell, Found, Way, try_cell
from proof.laddering.killers import KILLERS, Kind


def main(arguments: Sequence[str]) -> int:
    """Try the cells and show the table; answer 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="./run proof ladder", description=__doc__)
    parser.add_argument("--killer", action="append", choices=list(KILLERS))
    parser.add_argument("--kind", action="append", choices=list(Kind), type=Kind)
    parser.add_argument("--way", action="append", choices=list(Way), type=Way)
    parser.add_argument("--at-once", type=int, default=3, help="how many worker trees there are at a time")
    chosen = parser.parse_args(arguments)
    killers, kinds, ways = chosen.killer or KILLERS, chosen.kind or Kind, chosen.way or Way
    cells = [Cell(killer=killer, kind=kind, way=way) for killer, kind, way in product(killers, kinds, ways)]
    broken = 0
    for found in tried(cells, at_once=chosen.at_once):
        show(found)
        broken += bool(found.faults)
    print(f"\n{len(cells)} cells, {broken} broken")
    return 1 if broken else 0


def tried(cells: Sequence[Cell], *, at_once: int) -> Iterator[Found]:
    """Try cells, some at a time, and answer in their order."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(tried_alone, cells)


def tried_alone(cell: Cell) -> Found:
    """Try one cell in a folder of its own, and keep what its worker has said where it is broken."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = try_cell(cell, Path(folder))
        except TimeoutError as error:
            found = Found(cell=cell, seconds=0.0, how="", faults=(str(error),))
        if not found.faults:
            return found
        log = tuple(Path(folder, "log").read_text().splitlines()[-40:])
        return Found(cell=cell, seconds=found.seconds, how=found.how, faults=(*found.faults, *log))


def show(found: Found) -> None:
    """Show one line, and under it what is broken."""
    cell, kept = found.cell, "no" if found.faults else "yes"
    print(
        f"{cell.killer:18} {cell.kind:8} {cell.way:10}  {found.seconds:5.1f} s  kept: {kept:3}  {found.how}", flush=True
    )
    for fault in found.faults:
        print(f"    {fault}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A few cells of the ladder, on real worker trees; `./run proof ladder` tries them all."""

import sys
from pathlib import Path

import pytest

from proof.laddering.cell import Cell, Way, try_cell
from proof.laddering.killers import Kind

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]


@pytest.mark.parametrize(
    "cell",
    [
        Cell(killer="C keeps the lock", kind=Kind.THREAD, way=Way.LIMIT),
        Cell(killer="time.sleep(1e6)", kind=Kind.ASYNC, way=Way.CANCEL),
        Cell(killer="swallows the word", kind=Kind.ASYNC, way=Way.LIMIT),
        Cell(killer="swallows the word", kind=Kind.THREAD, way=Way.CANCEL),
        Cell(killer="SIGSEGV", kind=Kind.THREAD, way=Way.LIMIT),
        Cell(killer="fork inside", kind=Kind.ASYNC, way=Way.CANCEL),
    ],
    ids=lambda cell: f"{cell.killer}-{cell.kind}-{cell.way}",
)
def test_a_killer_is_ended_and_harms_nobody(cell: Cell, tmp_path: Path) -> None:
    found = try_cell(cell, tmp_path)

    assert found.faults == (), (tmp_path / "log").read_text()

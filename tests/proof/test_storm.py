"""A short storm with real processes, its history kept and checked again."""

from pathlib import Path

import pytest

from proof.histories.entry import Op
from proof.histories.history import read_history
from proof.storming.report import show
from proof.storming.settings import HISTORY, Settings
from proof.storming.storm import storm


@pytest.mark.slow
@pytest.mark.alone
async def test_short_storm_breaks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kills = ("kill engine", "kill worker")
    folder = tmp_path / "storm"

    await storm(
        Settings(store="sqlite", seconds=3, seed=1, workers=2, producers=1, lease=2, only=kills, rules=True), folder
    )

    assert show(folder) == 0, capsys.readouterr().out
    history = read_history(folder / HISTORY)
    assert {fault.kind for fault in history.of(Op.FAULT)} & set(kills)
    assert len(history.of(Op.START)) > 20

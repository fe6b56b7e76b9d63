"""How a bench shows what it found: a table on the terminal, the same as JSON, and a plot."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured thing, beside the raw statements of the same run where there is such a thing.

    `share` is the part of the raw rate that is reached, so 1.0 is the ceiling; `aim` says what was hoped for.
    """

    what: str
    value: float
    unit: str
    raw: float | None = None
    aim: str = ""

    @property
    def share(self) -> float | None:
        """The measured rate over the raw one."""
        return None if not self.raw else self.value / self.raw


def show(title: str, measures: Sequence[Measure], folder: Path) -> None:
    """Print the table, and write `NAME.json` and `NAME.png` into `folder`."""
    table = Table(title=title)
    for heading in ("measured", "value", "unit", "raw statements", "share", "aim"):
        table.add_column(heading, justify="left" if heading in {"measured", "unit", "aim"} else "right")
    for each in measures:
        raw = "" if each.raw is None else f"{each.raw:,.0f}"
        share = "" if each.share is None else f"{each.share:.2f}"
        table.add_row(each.what, f"{each.value:,.6g}", each.unit, raw, share, each.aim)
    Console(width=140).print(table)
    folder.mkdir(parents=True, exist_ok=True)
    name = title.partition(" ")[0].lower()
    (folder / f"{name}.json").write_text(json.dumps([asdict(each) for each in measures], indent=1))
    _plot(title, measures, folder / f"{name}.png")
    print(f"written: {folder / name}.json, {folder / name}.png")


def _plot(title: str, measures: Sequence[Measure], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - seconds of import that only the plot needs

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    compared = [each for each in measures if each.share is not None]
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(compared) + 1.5))
    bars = axes.barh([each.what for each in compared], [each.share or 0.0 for each in compared], color="#3a6ea5")
    axes.bar_label(bars, [f" {each.value:,.0f} {each.unit}" for each in compared])
    axes.axvline(1.0, color="#888", linestyle="--", label="the raw statements")
    axes.set_xlim(0, 1.3)
    axes.set_xlabel("share of the rate of the raw statements, same run")
    axes.set_title(title)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)

"""Processes end when they are told to or killed, never by themselves: G11."""

from collections.abc import Iterator

from proof.checking.violation import Violation
from proof.histories.entry import Op
from proof.histories.history import History

FITTING = {"0", "-9"}
"""In order, or killed by the nemesis or by what it did to its parent."""


def ending(history: History) -> Iterator[Violation]:
    """Look for processes that ended in a way nobody asked for."""
    for entry in history.of(Op.GONE):
        if entry.kind not in FITTING:
            text = f"process {entry.scope} ended by itself with code {entry.kind}"
            yield Violation(invariant="G11 no manual step", job="", text=text)

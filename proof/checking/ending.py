"""Processes end when they are told to or killed, never by themselves: G11."""

from collections.abc import Iterator

from proof.checking.violation import Violation
from proof.histories.entry import Op
from proof.histories.history import History

FITTING = {"0", "-9"}
"""In order, or killed."""
UNHEEDED = {"-1", "-15"}
"""Ended by HUP or TERM: fitting for a worker that had not begun to heed them."""


def ending(history: History) -> Iterator[Violation]:
    """Look for processes that ended in a way nobody asked for."""
    has_begun = {str(entry.pid) for entry in history.of(Op.WORKER)}
    for entry in history.of(Op.GONE):
        is_early = entry.kind in UNHEEDED and entry.scope not in has_begun
        if entry.kind not in FITTING and not is_early:
            text = f"process {entry.scope} ended by itself with code {entry.kind}"
            yield Violation(invariant="G11 no manual step", job="", text=text)

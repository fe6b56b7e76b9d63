"""The whole check of a history against what the store held in the end."""

from collections.abc import Iterable

from proof.checking.accepting import accepting
from proof.checking.attempting import attempting
from proof.checking.ending import ending
from proof.checking.faulting import Faults
from proof.checking.following import following
from proof.checking.limiting import limiting
from proof.checking.overlapping import overlapping
from proof.checking.reading import reading
from proof.checking.standing import standing
from proof.checking.ticking import ticking
from proof.checking.violation import Violation
from proof.histories.dump import Dump
from proof.histories.history import History


def check(history: History, dump: Dump, faults: Faults) -> list[Violation]:
    """Check every invariant but time."""
    parts: tuple[Iterable[Violation], ...] = (
        accepting(history, dump),
        attempting(history, dump),
        overlapping(history, dump, faults),
        reading(history, faults),
        ending(history),
        standing(history, dump),
        limiting(history, dump),
        ticking(dump),
        following(history, dump),
    )
    return [violation for part in parts for violation in part]

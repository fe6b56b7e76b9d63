"""Stretches of time, and how many of them lie over one another."""

from collections.abc import Iterable
from typing import TypeAlias

Stretch: TypeAlias = tuple[float, float]
"""From when, and until when; what begins at the very end of another does not lie over it."""


def depth(stretches: Iterable[Stretch]) -> tuple[int, float]:
    """Return how many lie over one another at the most, and from when on."""
    edges = sorted((moment, change) for began, ended in stretches for moment, change in ((began, 1), (ended, -1)))
    most, since, present = 0, 0.0, 0
    for moment, change in edges:
        present += change
        if present > most:
            most, since = present, moment
    return most, since

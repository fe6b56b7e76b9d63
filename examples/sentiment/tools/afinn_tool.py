"""AFINN: a sum of the scores of words, which has no bounds of its own."""

import math

from afinn import Afinn  # type: ignore[import-untyped] # it has no types

from examples.sentiment.tools import Score

HALF_WAY = 15.0
"""A sum of about 4, a good word more than the bad ones, is then some 0.7 of the way to the end."""


def load() -> Score:
    """Return its scorer."""
    words = Afinn()

    def score(line: str) -> float:
        total = float(words.score(line))
        return total / math.sqrt(total * total + HALF_WAY)

    return score

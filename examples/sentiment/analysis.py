"""What one tool finds in a text: how its lines feel, on the whole and at the ends."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from examples.sentiment.tools import Score

NEUTRAL = 0.05
"""Scores nearer to 0 than this count as neither happy nor sad."""
RESAMPLES = 10_000
SHARE_AT_EACH_END = 0.025
LINES_AT_A_TIME = 20
RESAMPLES_AT_A_TIME = 100
LONGEST_QUOTE = 160
SEED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A line of the text, with its number from 1 and its score."""

    number: int
    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a tool found. `low` and `high` bound the mean with a confidence of 95%."""

    tool: str
    happy: int
    neutral: int
    sad: int
    mean: float
    low: float
    high: float
    happiest: Quote
    saddest: Quote


def analyse_lines(tool: str, lines: Sequence[str], score: Score, tell: Callable[[int, int, str], None]) -> Analysis:
    """Score every line, and estimate the mean by drawing the scores again and again.

    Args:
        tool: The tool's name.
        lines: The text, one line at least.
        score: Scores a line.
        tell: Hears how many steps are done, of how many, and what is being done.
    """
    steps = len(lines) + RESAMPLES
    scores = list[float]()
    for start in range(0, len(lines), LINES_AT_A_TIME):
        tell(start, steps, f"line {start + 1} of {len(lines)}")
        scores.extend(map(score, lines[start : start + LINES_AT_A_TIME]))
    means = list[float]()
    for several in _resampled(scores):
        tell(len(lines) + len(means), steps, "how sure is the mean?")
        means.extend(several)
    tell(steps, steps, "done")
    return _analysis(tool, lines, scores, sorted(means))


def _resampled(scores: Sequence[float]) -> Iterator[list[float]]:
    chance = random.Random(SEED)  # noqa: S311 - so that the same text gives the same answer
    count = len(scores)
    for _ in range(0, RESAMPLES, RESAMPLES_AT_A_TIME):
        yield [sum(chance.choices(scores, k=count)) / count for _ in range(RESAMPLES_AT_A_TIME)]


def _analysis(tool: str, lines: Sequence[str], scores: Sequence[float], means: Sequence[float]) -> Analysis:
    happy = sum(score >= NEUTRAL for score in scores)
    sad = sum(score <= -NEUTRAL for score in scores)
    end = int(len(means) * SHARE_AT_EACH_END)
    places = range(len(lines))
    return Analysis(
        tool=tool,
        happy=happy,
        neutral=len(scores) - happy - sad,
        sad=sad,
        mean=sum(scores) / len(scores),
        low=means[end],
        high=means[-1 - end],
        happiest=_quote(max(places, key=scores.__getitem__), lines, scores),
        saddest=_quote(min(places, key=scores.__getitem__), lines, scores),
    )


def _quote(place: int, lines: Sequence[str], scores: Sequence[float]) -> Quote:
    return Quote(number=place + 1, text=lines[place][:LONGEST_QUOTE], score=scores[place])

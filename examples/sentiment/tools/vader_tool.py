"""VADER: Valence Aware Dictionary and sEntiment Reasoner."""

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped] # it has no types

from examples.sentiment.tools import Score


def load() -> Score:
    """Return its scorer."""
    analyser = SentimentIntensityAnalyzer()

    def score(line: str) -> float:
        return float(analyser.polarity_scores(line)["compound"])

    return score

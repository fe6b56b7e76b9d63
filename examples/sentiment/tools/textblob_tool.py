"""TextBlob, by its lexicon of patterns; it needs no corpus for that."""

from textblob import TextBlob  # type: ignore[import-untyped] # it has no types

from examples.sentiment.tools import Score


def load() -> Score:
    """Return its scorer."""

    def score(line: str) -> float:
        return float(TextBlob(line).sentiment.polarity)

    return score

"""A Naive Bayes classifier of our own, trained on the lines of `bayes_examples.txt` each time it is loaded."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from examples.sentiment.tools import Score

EXAMPLES = Path(__file__).with_name("bayes_examples.txt")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
NEGATIONS = {"not", "no", "never", "nothing", "without", "hardly"}
REACH = 3
"""How many words after a negation are taken as negated."""
PRIOR = 0.5
"""How often each word counts as seen on either side before anything was learned."""


def load() -> Score:
    """Return its scorer."""
    happy, sad = learn(EXAMPLES.read_text(encoding="utf-8").splitlines())
    return lambda line: score(line, happy, sad)


def learn(examples: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Count the words of happy lines, which begin with `+`, and of sad ones, which begin with `-`."""
    happy, sad = Counter[str](), Counter[str]()
    for line in examples:
        side = {"+": happy, "-": sad}.get(line[:1])
        if side is not None:
            side.update(set(words(line[1:])))
    return happy, sad


def score(line: str, happy: Counter[str], sad: Counter[str]) -> float:
    """Return by how much a line is likelier happy than sad; words that were never seen say nothing."""
    known = [word for word in words(line) if word in happy or word in sad]
    odds = sum(math.log((happy[word] + PRIOR) / (sad[word] + PRIOR)) for word in known)
    return math.tanh(odds / 2)  # The share that is happy, from -1 to 1 instead of from 0 to 1.


def words(line: str) -> list[str]:
    """Return the words of a line in small letters; those soon after a negation bear a mark."""
    found, negated = list[str](), 0
    for word in WORD.findall(line.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
        found.append(f"not-{word}" if negated else word)
        is_negation = word in NEGATIONS or word.endswith("n't")
        negated = REACH if is_negation else max(0, negated - 1)
    return found

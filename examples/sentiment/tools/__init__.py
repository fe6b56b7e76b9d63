"""The four tools: each gives a line of text a score from -1, sad, to 1, happy.

A process loads the one that it uses, as they take up to a second and 50 MB.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Final, Literal, TypeAlias

Tool: TypeAlias = Literal["vader", "textblob", "afinn", "bayes"]
Score: TypeAlias = Callable[[str], float]

TOOLS: Final[dict[Tool, str]] = {
    "vader": "VADER: rules and a lexicon rated by people, made for short posts",
    "textblob": "TextBlob: the polarity of adjectives, intensified and negated",
    "afinn": "AFINN: a list of words, each of them rated by a person",
    "bayes": "Naive Bayes: learned from the examples in this folder",
}
"""Every tool, with what it does in a few words."""


def load_tool(tool: Tool) -> Score:
    """Return what scores a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # AFINN's code is older than some of Python's advice about it.
        module = import_module(f"examples.sentiment.tools.{tool}_tool")
    load: Callable[[], Score] = module.load
    return load()

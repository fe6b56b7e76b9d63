"""A word that a page makes up, so that sending its form twice does the thing once."""

import uuid

CONTROL = "_once"
"""The control of a form that has it."""
LENGTH = 32


def new_word() -> str:
    """Return a word that no other page has."""
    return uuid.uuid4().hex


def key_of(word: str, about: str = "") -> str | None:
    """Return the idempotency key of one sending; None where the word is none that a page makes up.

    Args:
        word: What the form sent.
        about: What of many things of one form it is.
    """
    is_ours = len(word) == LENGTH and all(each in "0123456789abcdef" for each in word)
    return f"page:{word}{about and f':{about}'}" if is_ours else None

"""Ids of jobs, flows and messages: made by the caller before the first try, so that a repeat changes nothing."""

import os
import time

from workmill.words.names import job_id


def new_id() -> str:
    """Make an id that was never there before."""
    return job_id(time.time_ns() // 1_000_000, os.urandom(10))


def derived_id(*words: str) -> str:
    """Make the id that the same words always give."""
    digest = digest_of("\0".join(words))
    return job_id(int.from_bytes(digest[:6], "big"), digest[6:16])


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a text."""
    import hashlib  # noqa: PLC0415 - most programs need none

    return hashlib.sha256(text.encode()).digest()

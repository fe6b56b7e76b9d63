"""Ids of jobs, flows and messages: made by the caller before the first try, so that a repeat changes nothing."""

import hashlib
import os
import time

from workmill.words.names import job_id


def new_id() -> str:
    """Make an id that was never there before."""
    return job_id(time.time_ns() // 1_000_000, os.urandom(10))


def derived_id(*words: str) -> str:
    """Make the id that the same words always give."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return job_id(int.from_bytes(digest[:6], "big"), digest[6:16])

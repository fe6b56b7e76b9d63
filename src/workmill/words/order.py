"""What a person tells a running worker, wherever it runs."""

from enum import StrEnum


class Order(StrEnum):
    """A worker follows the newest order it was given, from its next renewal on."""

    WORK = "work"
    """Take jobs."""
    QUIET = "quiet"
    """Take no more jobs, finish what runs, and stay."""
    STOP = "stop"
    """Take no more jobs, finish what runs, and end. No later order undoes it."""

"""Outcomes as JSON, for the way from one process to another."""

from datetime import timedelta
from typing import assert_never

from workmill.words.codec import TICK, Json, dump_failure, load_failure
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed, Succeeded


def outcome_to_json(outcome: Outcome) -> Json:
    """Write an outcome as a JSON value."""
    match outcome:
        case Succeeded():
            return ["succeeded", outcome.result.decode()]
        case Failed():
            after = None if outcome.after is None else outcome.after // TICK
            return ["failed", dump_failure(outcome.failure), outcome.retryable, after]
        case Snoozed():
            return ["snoozed", outcome.after // TICK]
        case Cancelled():
            return ["cancelled", outcome.reason]
        case Interrupted():
            return ["interrupted", dump_failure(outcome.failure)]
        case Returned():
            return ["returned"]
    assert_never(outcome)


def outcome_from_json(said: Json) -> Outcome:
    """Read what `outcome_to_json` wrote.

    Raises:
        ValueError: It is no outcome.
    """
    match said:
        case ["succeeded", str() as result]:
            return Succeeded(result=result.encode())
        case ["failed", str() as failure, bool() as retryable, int() | None as after]:
            return Failed(failure=load_failure(failure), retryable=retryable, after=_length(after))
        case ["snoozed", int() as after]:
            return Snoozed(after=after * TICK)
        case ["cancelled", str() | None as reason]:
            return Cancelled(reason=reason)
        case ["interrupted", str() as failure]:
            return Interrupted(failure=load_failure(failure))
        case ["returned"]:
            return Returned()
    raise ValueError(f"not an outcome: {str(said)[:80]}")


def _length(ticks: int | None) -> timedelta | None:
    return None if ticks is None else ticks * TICK

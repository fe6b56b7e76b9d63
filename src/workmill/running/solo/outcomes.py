"""Outcomes and what follows from them as JSON, for the way from one process to another."""

from datetime import timedelta
from typing import assert_never

from workmill.words.codec import Json, dump_failure, load_failure
from workmill.words.job import Ending, JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed, Succeeded
from workmill.words.ticks import TICK
from workmill.words.transition import Transition


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


def transition_to_json(transition: Transition) -> Json:
    """Write a transition as a JSON value."""
    return {
        "job_id": transition.job_id,
        "token": transition.token,
        "state": transition.state,
        "ending": transition.ending,
        "attempt": transition.attempt,
        "deaths": transition.deaths,
        "keep": transition.keep // TICK,
        "delay": None if transition.delay is None else transition.delay // TICK,
        "result": None if transition.result is None else transition.result.decode(),
        "failure": None if transition.failure is None else dump_failure(transition.failure),
        "reason": transition.reason,
    }


def transition_from_json(fields: Json) -> Transition:
    """Read what `transition_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: It is no transition.
    """
    fields["state"] = JobState(fields["state"])
    fields["ending"] = Ending(fields["ending"])
    fields["keep"] = fields["keep"] * TICK
    fields["delay"] = _length(fields["delay"])
    fields["result"] = None if fields["result"] is None else fields["result"].encode()
    fields["failure"] = None if fields["failure"] is None else load_failure(fields["failure"])
    return Transition(**fields)


def _length(ticks: int | None) -> timedelta | None:
    return None if ticks is None else ticks * TICK

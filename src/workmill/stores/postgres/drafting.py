"""New jobs as the server is told of them where they are more than plain: one JSON object each."""

from collections.abc import Sequence
from datetime import timedelta

from workmill.stores.postgres.rows import gates_of, text_of
from workmill.words.codec import Json, dump_policy
from workmill.words.job import NewJob
from workmill.words.ticks import length_of, ticks
from workmill.words.ties import After, Ties
from workmill.words.ties_codec import dump_ties
from workmill.words.unique import Uniqueness


def is_ruled(new: NewJob) -> bool:
    """Whether a new job is looked at by itself: it is more than a call that is to be made."""
    return new.after is not None or new.unique is not None or new.ties is not None or new.policy.expires is not None


def are_ruled(jobs: Sequence[NewJob]) -> bool:
    """Whether any job of a batch is looked at by itself."""
    return any(is_ruled(new) for new in jobs)


def plain_draft(new: NewJob, lane: int) -> dict[str, Json]:
    """Return what is stored of any new job, without what is missing."""
    fields = {
        "id": new.id,
        "lane": lane,
        "task": new.task,
        "args": text_of("args", new.args),
        "policy": dump_policy(new.policy),
        "key": new.key,
        "delay": None if new.delay is None else length_of(new.delay),
        "run_at": None if new.run_at is None else ticks(new.run_at),
        "retry_of": new.retry_of,
    }
    return present(fields)


def draft(new: NewJob, lane: int) -> dict[str, Json]:
    """Return what is stored of a new job and what it is bound to, without what is missing."""
    fields = {"gates": gates_of(new), "expires": length_or_none(new.policy.expires)}
    fields |= ties_fields(new.ties) | after_fields(new.after) | unique_fields(new.unique)
    return plain_draft(new, lane) | present(fields)


def ties_fields(ties: Ties | None) -> dict[str, Json]:
    """Return what a job bears."""
    return {} if ties is None else {"ties": dump_ties(ties), "flow": ties.flow, "schedule": ties.schedule}


def after_fields(after: After | None) -> dict[str, Json]:
    """Return whom a job follows."""
    return {} if after is None else {"after": list(after.jobs), "needs": str(after.needs)}


def unique_fields(unique: Uniqueness | None) -> dict[str, Json]:
    """Return what a job may not stand beside."""
    if unique is None:
        return {}
    return {
        "unique_name": unique.name,
        "unique_states": [str(state) for state in unique.states],
        "unique_within": length_or_none(unique.within),
        "on_conflict": str(unique.on_conflict),
    }


def length_or_none(length: timedelta | None) -> int | None:
    """Write a length of time that may be missing."""
    return None if length is None else length_of(length)


def present(fields: dict[str, Json]) -> dict[str, Json]:
    """Return the fields that say something."""
    return {name: value for name, value in fields.items() if value is not None}

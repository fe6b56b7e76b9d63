"""New jobs as scripts are told of them."""

from collections.abc import Iterator, Sequence

import msgpack

from workmill.words.codec import Json
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.ticks import length_of, ticks
from workmill.words.unique import Uniqueness

LARGEST_PRIORITY = 2**31 - 1
UNKNOWN = 0
"""Stands in a head for what only the server knows: the place, and the moment of storing."""


def is_plain(new: NewJob) -> bool:
    """Whether a new job is a call to be made and nothing else."""
    return new.key is None and is_call(new)


def is_call(new: NewJob) -> bool:
    """Whether a new job is at most a call that may be there already, so that it need not be looked at by itself."""
    return new.unique is None and new.after is None and new.ties is None and new.policy.expires is None


def draft(new: NewJob) -> list[Json]:
    """Return what a script must know of a new job, beside its doc."""
    after = new.after
    return [
        new.id,
        head_of(new),
        delay_of(new),
        False if after is None else after.jobs,
        False if after is None else after.needs,
        False if new.unique is None else unique_of(new.unique),
    ]


def written(jobs: Sequence[NewJob], value: Json) -> bytes:
    """Write what a script is to know of new jobs.

    Raises:
        InvalidOption: A text that one bears has no UTF-8 form.
    """
    try:
        packed: bytes = msgpack.packb(value, use_bin_type=False)
    except UnicodeEncodeError as error:
        raise unstorable(jobs) from error
    return packed


def unstorable(jobs: Sequence[NewJob]) -> InvalidOption:
    """Return the error that names a text which has no UTF-8 form, because it holds lone surrogates."""
    name, text = next(each for new in jobs for each in texts_of(new) if not is_writable(each[1]))
    return InvalidOption(name, text, "give text without lone surrogates")


def texts_of(new: NewJob) -> Iterator[tuple[str, str]]:
    """Return the names of the texts that a new job may bear, with the texts."""
    yield from ((name, getattr(new, name) or "") for name in ("id", "task", "queue", "key", "retry_of"))
    if new.unique is not None:
        yield "unique", new.unique.name
    yield from (("after", parent) for parent in (() if new.after is None else new.after.jobs))
    if new.ties is not None:
        yield from (("flow", new.ties.flow or ""), ("schedule", new.ties.schedule or ""))
        yield from (("limits", text) for gate in new.ties.gates for text in (gate.name, gate.key))


def is_writable(text: str) -> bool:
    """Whether a text has a UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def head_of(new: NewJob) -> list[Json]:
    """Return what scripts read of a new job, as far as it is known.

    Raises:
        InvalidOption: The priority is too large.
    """
    if not -LARGEST_PRIORITY - 1 <= new.priority <= LARGEST_PRIORITY:
        raise InvalidOption("priority", new.priority, "give an integer of at most 32 bits")
    policy, ties = new.policy, new.ties
    return [
        *("", new.task, new.queue, new.priority),
        *(length_of(policy.keep), False if policy.expires is None else length_of(policy.expires)),
        *(0, 0, 0, 1),  # attempt, deaths, token, version
        *(False, False, UNKNOWN, False if new.run_at is None else ticks(new.run_at)),
        *(False, False, False, False, False, False),  # started, finished, expires, cancel requested, its reason, forced
        False if ties is None or not ties.gates else [[gate.name, gate.key] for gate in ties.gates],
        *((False, False) if ties is None else (ties.flow or False, ties.schedule or False)),
        False if new.key is None else new.key,
        False if new.unique is None else new.unique.name,
        UNKNOWN,
    ]


def delay_of(new: NewJob) -> int | bool:
    """Return how long after its storing, or the last end that it waits for, a new job may begin."""
    return length_of(new.delay) if new.delay else False


def unique_of(unique: Uniqueness) -> list[Json]:
    """Return what a new job may not stand beside."""
    within = False if unique.within is None else length_of(unique.within)
    return [unique.name, unique.states, within, unique.on_conflict]

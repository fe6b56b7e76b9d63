"""The options that let a job follow others, or others follow it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from workmill.craft.ids import derived_id, new_id
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.names import canonical_id
from workmill.words.ties import After, Feed, Needs, Ties

STEP = Ties(feed=Feed.RESULT)
"""What a step bears before it is known whom it follows."""


class Identified(Protocol):
    """A job in whatever form: a handle, a record, or one that is not stored yet."""

    @property
    def id(self) -> str:
        """Its id."""


Parent: TypeAlias = Identified | str
"""A job to follow, or its id."""


def checked_after(after: Parent | Sequence[Parent] | None, needs: Needs | str | None) -> After | None:
    """Return whom a job follows, and what must become of them; None where it follows nobody.

    Raises:
        InvalidOption: One is no job and no id, or `needs` is none or stands alone.
    """
    needed = _needs(needs)
    if after is None:
        if needs is not None:
            raise InvalidOption("needs", needs, "it is about the jobs that this one follows; name them with `after`")
        return None
    several = after if isinstance(after, Sequence) and not isinstance(after, str) else (after,)
    return After(jobs=tuple(dict.fromkeys(parent_id("after", each) for each in several)), needs=needed)


def parent_id(option: str, parent: Parent) -> str:
    """Return the id of a job that another is to follow.

    Raises:
        InvalidOption: It is no job, and no id of one.
    """
    given = parent if isinstance(parent, str) else getattr(parent, "id", None)
    found = canonical_id(given) if isinstance(given, str) else None
    if found is None:
        raise InvalidOption(option, parent, "give a job, a handle on one, or its id")
    return found


def is_step(new: NewJob) -> bool:
    """Whether a job gets its first argument from those that it follows."""
    return new.ties is not None and new.ties.feed is not Feed.NOTHING


def following(new: NewJob, after: After) -> NewJob:
    """Return a job as it follows others.

    A step gets the result of the one it follows or, of several, the list of their results; one that is there for a
    failure gets the id.
    """
    if not is_step(new) and after.needs is Needs.SUCCESS:
        return replace(new, after=after)
    feed = _feed(after) if is_step(new) else Feed.NOTHING
    return replace(new, after=after, ties=replace(new.ties or STEP, feed=feed, needs=after.needs))


def checked_followers(option: str, given: NewJob | Sequence[NewJob]) -> tuple[NewJob, ...]:
    """Return the jobs that are to follow one.

    Raises:
        InvalidOption: One of them is no job, or follows others already.
    """
    several = (given,) if isinstance(given, NewJob) else tuple(given)
    for each in several:
        if not isinstance(each, NewJob):
            raise InvalidOption(option, each, "give what `task.step(...)` or `task.job(...)` has made, or a list of it")
        if each.after is not None:
            raise InvalidOption(option, each.task, "it follows others already; take its `after` away, or build a Flow")
    return several


def followers(new: NewJob, then: Sequence[NewJob], on_error: Sequence[NewJob]) -> list[NewJob]:
    """Return the jobs that follow a new one, each with an id of its own.

    Where the new one has a key, these ids are always the same for it, so that to repeat it repeats none of them.
    """
    needed = [(each, Needs.SUCCESS) for each in then] + [(each, Needs.FAILURE) for each in on_error]
    return [
        replace(following(each, After(jobs=(new.id,), needs=needs)), id=_follower_id(new, each, number))
        for number, (each, needs) in enumerate(needed)
    ]


def refuse_loose_steps(jobs: Sequence[NewJob]) -> None:
    """Refuse jobs that are to get something and follow nobody.

    Raises:
        InvalidOption: There is one.
    """
    for each in jobs:
        if each.ties is not None and each.after is None and is_step(each):
            remedy = "it gets its first argument from the job that it follows; name that one with `after`, or use `job`"
            raise InvalidOption("step", each.task, remedy)


def _follower_id(new: NewJob, follower: NewJob, number: int) -> str:
    if new.key is None:
        return new_id()
    return derived_id(new.task, new.key, str(number), follower.task)


def _feed(after: After) -> Feed:
    if after.needs is Needs.FAILURE:
        return Feed.ID
    return Feed.RESULT if len(after.jobs) == 1 else Feed.RESULTS


def _needs(needs: Needs | str | None) -> Needs:
    try:
        return Needs.SUCCESS if needs is None else Needs(needs)
    except ValueError:
        raise InvalidOption("needs", needs, f"give one of {', '.join(Needs)}") from None

"""The option that lets a job follow others."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from workmill.words.errors import InvalidOption
from workmill.words.names import canonical_id
from workmill.words.ties import After, Needs


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


def _needs(needs: Needs | str | None) -> Needs:
    try:
        return Needs.SUCCESS if needs is None else Needs(needs)
    except ValueError:
        raise InvalidOption("needs", needs, f"give one of {', '.join(Needs)}") from None

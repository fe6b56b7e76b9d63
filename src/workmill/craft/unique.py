"""The option that lets no second job like one there is stand beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from workmill.craft.ids import digest_of
from workmill.craft.template import Template
from workmill.words.codec import Json
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.state import JobState
from workmill.words.unique import UNFINISHED, OnConflict, Uniqueness


@dataclass(frozen=True, slots=True, init=False)
class Unique:
    """Which jobs of a task are one too many, and what becomes of them.

    The store itself holds it, for any number of callers on any number of machines: there is no lock that could stay
    behind after a crash.

    Example:
        ```python
        @app.task(unique=Unique(by=()))                     # one at a time, refuse the rest
        @app.task(unique=Unique(by=("user",), on_conflict="return"))
        @app.task(unique=Unique(key="{shop}/{order}", within=3600))
        ```

    Args:
        by: The arguments that two jobs must share to be alike; None for all of them, `()` for none: any two are.
        key: A text to be alike by instead, with the names of parameters in braces.
        states: The states in which a job stands in the way; unless given, those that are not final. Where `within` is
            given and they are not, all.
        within: For how long from its storing a job stands in the way, at most.
        on_conflict: `reject` raises `UniqueConflict`; `return` gives the job there is; `replace` cancels that one;
            `skip` stores nothing, and leaves the job out of what `enqueue_many` answers.

    Raises:
        InvalidOption: One of them cannot be.
    """

    by: tuple[str, ...] | None
    key: Template | None
    states: tuple[JobState, ...]
    within: timedelta | None
    on_conflict: OnConflict

    def __init__(
        self,
        by: Sequence[str] | None = None,
        *,
        key: str | None = None,
        states: Sequence[JobState | str] | None = None,
        within: Duration | None = None,
        on_conflict: OnConflict | str = OnConflict.REJECT,
    ) -> None:
        if key is not None and by is not None:
            raise InvalidOption("unique.key", key, "give either `by` or `key`")
        object.__setattr__(self, "by", None if by is None else _names(by))
        object.__setattr__(self, "key", None if key is None else Template("unique.key", key))
        object.__setattr__(self, "states", _states(states, is_timed=within is not None))
        object.__setattr__(self, "within", None if within is None else _window(within))
        object.__setattr__(self, "on_conflict", _on_conflict(on_conflict))

    def check(self, parameters: Sequence[str]) -> None:
        """Refuse names that a function has no parameters for.

        Raises:
            InvalidOption: There is one.
        """
        if self.key is not None:
            self.key.check(parameters)
        for name in self.by or ():
            if name not in parameters:
                known = ", ".join(parameters) or "none"
                raise InvalidOption("unique.by", self.by, f"the task has no parameter {name!r}; it has {known}")

    def uniqueness(self, task: str, arguments: Mapping[str, Json]) -> Uniqueness:
        """Return what holds for one call.

        Raises:
            InvalidArguments: The key cannot be made of them.
        """
        return Uniqueness(
            name=self._name(task, arguments),
            states=self.states,
            within=self.within,
            on_conflict=self.on_conflict,
        )

    def _name(self, task: str, arguments: Mapping[str, Json]) -> str:
        if self.key is not None:
            return f"key:{self.key.render(task, arguments)}"
        chosen = arguments if self.by is None else {name: arguments[name] for name in self.by if name in arguments}
        return digest_of(json.dumps(_plain(chosen), sort_keys=True)).hex()


def answered(new: NewJob) -> NewJob:
    """Return a job that has an answer of its own also where it is to be skipped: the one there is."""
    if new.unique is None or new.unique.on_conflict is not OnConflict.SKIP:
        return new
    return replace(new, unique=replace(new.unique, on_conflict=OnConflict.RETURN))


def _plain(value: Json) -> Json:
    """Return a value in which numbers that are equal are written alike: JSON makes no difference of 1 and 1.0."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case float() if value.is_integer():
            return int(value)
    return value


def _names(by: Sequence[str]) -> tuple[str, ...]:
    if isinstance(by, str) or not all(isinstance(name, str) for name in by):  # The letters of one would be names.
        raise InvalidOption("unique.by", by, 'give the names of parameters as a tuple, such as ("user",)')
    return tuple(by)


def _states(states: Sequence[JobState | str] | None, *, is_timed: bool) -> tuple[JobState, ...]:
    if states is None:
        return tuple(JobState) if is_timed else UNFINISHED
    remedy = f"give a tuple of any of {', '.join(JobState)}"
    if isinstance(states, str) or not states:
        raise InvalidOption("unique.states", states, remedy)
    try:
        return tuple(JobState(state) for state in states)
    except ValueError:
        raise InvalidOption("unique.states", states, remedy) from None


def _window(within: Duration) -> timedelta:
    length = checked_length("unique.within", within)
    if not length:
        raise InvalidOption("unique.within", within, "give more than 0 seconds")
    return length


def _on_conflict(chosen: OnConflict | str) -> OnConflict:
    try:
        return OnConflict(chosen)
    except ValueError:
        raise InvalidOption("unique.on_conflict", chosen, f"give one of {', '.join(OnConflict)}") from None

"""Which jobs a page is about: read from its address, and written back into addresses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import ImmutableMultiDict

from workmill import InvalidOption, JobState

MOST_VALUES = 100
ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which jobs are meant: those that match everything that is given.

    Attributes:
        created_after: As it was typed; `moment` reads it.
    """

    states: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    created_after: str = ""
    created_before: str = ""

    @property
    def query(self) -> dict[str, str | tuple[str, ...]]:
        """The filters as the parameters of an address."""
        return {
            "state": self.states,
            "task": self.tasks,
            "queue": self.queues,
            "flow": self.flows,
            "schedule": self.schedules,
            "created_after": self.created_after,
            "created_before": self.created_before,
        }

    @property
    def is_countable(self) -> bool:
        """Whether the store's counts by queue, task and state say how many match."""
        return not (self.flows or self.schedules or self.created_after or self.created_before)

    @property
    def is_actable(self) -> bool:
        """Whether one action can be taken on all that match."""
        return not (self.flows or self.schedules)

    @property
    def may_have_ended(self) -> bool:
        """Whether all that match may be over, so that they can be retried."""
        return all(state in ENDED for state in self.states)

    @property
    def may_go_on(self) -> bool:
        """Whether all that match may not be over, so that they can be cancelled."""
        return not any(state in ENDED for state in self.states)

    def counts(self, queue: str, task: str) -> bool:
        """Whether jobs of a task on a queue match, whatever their state."""
        return (not self.queues or queue in self.queues) and (not self.tasks or task in self.tasks)


def filters_of(given: ImmutableMultiDict[str, str] | Mapping[str, Iterable[str]]) -> Filters:
    """Read the filters of an address, or of a form; what is empty is not given.

    Raises:
        InvalidOption: One of them has more values than a page, an address or the store can carry.
    """

    def many(name: str) -> tuple[str, ...]:
        values = given.getlist(name) if isinstance(given, ImmutableMultiDict) else given.get(name, ())
        found = tuple(dict.fromkeys(word for value in values for word in value.split()))
        if len(found) > MOST_VALUES:
            raise InvalidOption(name, f"{len(found):,} values", f"give at most {MOST_VALUES}")
        return found

    return Filters(
        states=many("state"),
        tasks=many("task"),
        queues=many("queue"),
        flows=many("flow"),
        schedules=many("schedule"),
        created_after="".join(many("created_after")[:1]),
        created_before="".join(many("created_before")[:1]),
    )


def moment(option: str, text: str) -> datetime | None:
    """Read a moment that was typed: with its offset, or in UTC.

    Raises:
        InvalidOption: It is none.
    """
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidOption(option, text[:100], "give a moment in UTC, such as 2026-01-31T12:00") from None


ALL_STATES = tuple(str(state) for state in JobState)

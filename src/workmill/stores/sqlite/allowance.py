"""How many more jobs the rules let begin now."""

from collections.abc import Iterable, Sequence

from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask
from workmill.words.codec import Json
from workmill.words.limit import Scope
from workmill.words.ticks import LAST

Name = tuple[str, str, str]
"""What a rule counts: its scope, its name and, of gates, the key; "" else."""


class Allowance:
    """What one rule still allows for one queue, one task or one key, while a claim takes from it.

    Attributes:
        running: How many run.
        opens_at: When its rate lets the next begin; None where that is now, or its rate is not what is in the way.
    """

    def __init__(self, row: Sequence[Json], now: int) -> None:
        scope, name, key, most, count, per, running, starts = row
        self.name: Name = (scope, name, key)
        self.most: int | None = most
        self.running: int = running or 0
        self._count: int | None = count
        self._per: int = per or 0
        self._starts: list[tuple[int, int]] = starts
        self._now = now
        self._taken = 0
        self._begun = sum(jobs for _, jobs in self._starts)

    @property
    def is_open(self) -> bool:
        """Whether one more may begin."""
        return self._has_slot and self._is_in_time

    @property
    def has_rate(self) -> bool:
        """Whether it counts beginnings."""
        return self._count is not None

    @property
    def is_full(self) -> bool:
        """Whether as many run as may."""
        return not self._has_slot

    @property
    def opens_at(self) -> int | None:
        """When the oldest beginnings have left the stretch of time that the rate is about, so that one more fits in."""
        seen = 0
        for at, jobs in [(self._now, self._taken), *self._starts]:
            seen += jobs
            if self._count is not None and seen >= self._count:
                return min(at + self._per, LAST)
        return None

    def take(self) -> None:
        """Let one begin."""
        self._taken += 1

    @property
    def _has_slot(self) -> bool:
        return self.most is None or self.running + self._taken < self.most

    @property
    def _is_in_time(self) -> bool:
        return self._count is None or self._begun + self._taken < self._count


class Allowances:
    """The allowances of everything that has a rule, by name; what has none is allowed without bounds."""

    def __init__(self) -> None:
        self._known: dict[Name, Allowance | None] = {}

    def look_up(self, names: Iterable[Name], now: int) -> Talk[None]:
        """Find out what some names are allowed, if that is not known yet."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._known]
        if not unknown:
            return
        self._known.update(dict.fromkeys(unknown))
        for row in (yield from ask(statements("pass")["allowances"], pack(unknown), now)):
            allowance = Allowance(row, now)
            self._known[allowance.name] = allowance

    def of(self, names: Iterable[Name]) -> tuple[Allowance, ...]:
        """Return what bounds something that is counted under some names."""
        return tuple(allowance for name in names if (allowance := self._known[name]) is not None)


def names_of(task: str, queue: str, gates: Iterable[Sequence[str]] = ()) -> list[Name]:
    """Return all names that jobs are counted under."""
    return [*((Scope.KEY, name, key) for name, key in gates), (Scope.TASK, task, ""), (Scope.QUEUE, queue, "")]

"""The verbs over rules: limits, rates, bounds and pauses, and what code declares of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workmill.words.channel import Subscription
from workmill.words.limit import Rule, Scope
from workmill.words.schedule import NewSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A queue whose jobs are not given to workers."""

    queue: str
    since: datetime
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """A rule that is in force, and how it stands.

    Attributes:
        rule: What holds now.
        declared: What code declares, where it does; it differs from `rule` while that was set by hand.
        running: How many jobs run that the rule counts; of a rule about keys, those of all keys.
    """

    rule: Rule
    declared: Rule | None
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the code of an application says of rules, schedules and subscriptions."""

    rules: tuple[Rule, ...] = ()
    schedules: tuple[NewSchedule, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()


class RuleVerbs(Protocol):
    """What a store does with rules over work."""

    async def declare(self, declaration: Declaration) -> None:
        """Note what code says; to repeat it changes nothing.

        A rule takes the place of the one declared before it for the same scope and name; it is in force unless one was
        set by hand. A schedule is stored as given where there is none of its name. Where there is, and its plan is
        another than the one declared last, the plan takes the place of the stored one, whoever edited that: an active
        one goes on with the given `next_at`, one that is not stays so. A subscription takes the place of the one of the
        same channel and task. What is not named is left alone.
        """

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """Set rules by hand: each takes the place of what is in force for its scope and name, at once.

        What a rule does not say any more (None) does not hold any more. Jobs that run go on, also where there are more
        than a new rule allows: none begins until there are fewer. A rate counts what begins from then on; where another
        takes its place, what it counts goes on to count.
        """

    async def reset_rules(self, names: Sequence[tuple[Scope, str]]) -> None:
        """Undo what was set by hand: what code declares is in force again, or nothing is. None set is no error."""

    async def rules(self) -> list[RuleState]:
        """Return the rules in force, by scope and name."""

    async def pause(self, queues: Sequence[str], by: str | None = None) -> None:
        """Let no job on these queues begin from now on; what runs goes on. One that is paused already stays as it is.

        A queue that no job was ever stored on can be paused, too.
        """

    async def resume(self, queues: Sequence[str]) -> None:
        """Undo a pause. One that is not paused is no error."""

    async def pauses(self) -> list[Pause]:
        """Return the paused queues, by name."""

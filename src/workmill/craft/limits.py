"""The options that say how many jobs run at a time, and how many begin in a length of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from workmill.craft.template import Template
from workmill.words.codec import Json
from workmill.words.errors import InvalidOption
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.names import check_name


@dataclass(frozen=True, slots=True, init=False)
class Limit:
    """How many jobs of a task may run at a time, how many may begin in a length of time, or both.

    The store counts them over all workers: no more run at any instant, and no crash leaves a place taken for longer
    than the lease of the worker that is gone.

    Example:
        ```python
        @app.task(limit=2)                                        # two at a time, wherever the workers are
        @app.task(limit=Limit(1, key="{account}"))                # one at a time for each account
        @app.task(limit=[Limit(10), Limit(rate=Rate(60, per=60), key="{tenant}", name="tenants")])
        ```

    Args:
        running: How many may run at a time. Zero lets none begin.
        rate: How many attempts may begin in any stretch of a length of time.
        key: A text with the names of parameters in braces: each text is counted by itself. Without it, all jobs of the
            task are counted together.
        name: What the limits of a key are called: tasks that give the same name are counted together. Unless given,
            the task's name and the parameters'.

    Raises:
        InvalidOption: One of them cannot be, or neither `running` nor `rate` is given.
    """

    running: int | None
    rate: Rate | None
    key: Template | None
    name: str | None

    def __init__(
        self, running: int | None = None, *, rate: Rate | None = None, key: str | None = None, name: str | None = None
    ) -> None:
        if running is None and rate is None:
            raise InvalidOption(
                "limit", None, "say how many may run at a time, or give a rate, such as Rate(10, per=60)"
            )
        if name is not None and key is None:
            raise InvalidOption("limit.name", name, "a limit without a key has its task's name; give a key, too")
        object.__setattr__(self, "running", checked_count("limit.running", running))
        object.__setattr__(self, "rate", checked_rate("limit.rate", rate))
        object.__setattr__(self, "key", None if key is None else Template("limit.key", key))
        object.__setattr__(self, "name", None if name is None else check_name("limit.name", name))


LimitOption: TypeAlias = int | Limit | Sequence[Limit]
"""What the option `limit` takes: how many at a time, or limits with all they can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one task.

    Attributes:
        rules: What is to be declared to the store.
        keys: What the keys of its jobs are made of, by the rule's name.
    """

    rules: tuple[Rule, ...] = ()
    keys: tuple[tuple[str, Template], ...] = ()

    def gates(self, task: str, arguments: Mapping[str, Json]) -> tuple[Gate, ...]:
        """Return what a call's job passes to begin.

        Raises:
            InvalidArguments: A key cannot be made of them.
        """
        return tuple(Gate(name=name, key=key.render(task, arguments)) for name, key in self.keys)


def given_limits(limit: LimitOption | None, rate: Rate | None) -> tuple[Limit, ...]:
    """Return the limits that the options of a task give.

    Raises:
        InvalidOption: One is none.
    """
    several = () if limit is None else limit if isinstance(limit, Sequence) else (limit,)
    found = [each if isinstance(each, Limit) else Limit(_count(each)) for each in several]
    return (*found, Limit(rate=rate)) if rate is not None else tuple(found)


def limits_of(task: str, limits: Sequence[Limit], parameters: Sequence[str]) -> Limits:
    """Return the limits of a task with these parameters.

    Raises:
        InvalidOption: A key names no parameter, or two limits say the same.
    """
    if not limits:
        return Limits()
    rules: dict[tuple[Scope, str], Rule] = {}
    keys: dict[str, Template] = {}
    for limit in limits:
        rule = _rule(task, limit, parameters)
        rules[rule.scope, rule.name] = _merged(rules.get((rule.scope, rule.name)), rule)
        if limit.key is not None and keys.setdefault(rule.name, limit.key) != limit.key:
            raise InvalidOption("limit.name", rule.name, "another key has it; give one of them another name")
    return Limits(rules=tuple(rules.values()), keys=tuple(keys.items()))


def checked_count(option: str, count: int | None) -> int | None:
    """Return how many may be, or None for no such limit.

    Raises:
        InvalidOption: It is no whole number of at least 0.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        raise InvalidOption(option, count, "give a whole number, 0 or more")
    return count


def checked_rate(option: str, rate: Rate | None) -> Rate | None:
    """Return a rate, or None for none.

    Raises:
        InvalidOption: It is no `Rate`.
    """
    if rate is not None and not isinstance(rate, Rate):
        raise InvalidOption(option, rate, "give a Rate, such as Rate(10, per=60)")
    return rate


def _count(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise InvalidOption("limit", given, "give a whole number, a Limit, or a list of them")
    return given


def _rule(task: str, limit: Limit, parameters: Sequence[str]) -> Rule:
    if limit.key is None:
        return Rule(scope=Scope.TASK, name=task, running=limit.running, rate=limit.rate)
    limit.key.check(parameters)
    name = limit.name or check_name("limit.name", ".".join([task, *limit.key.names]))
    return Rule(scope=Scope.KEY, name=name, running=limit.running, rate=limit.rate)


def _merged(before: Rule | None, rule: Rule) -> Rule:
    if before is None:
        return rule
    for option, one, other in (("running", before.running, rule.running), ("rate", before.rate, rule.rate)):
        if one is not None and other is not None:
            raise InvalidOption(f"limit.{option}", other, f"it is given twice, first as {one!r}; give it once")
    return Rule(
        scope=rule.scope,
        name=rule.name,
        running=rule.running if before.running is None else before.running,
        rate=before.rate or rule.rate,
    )

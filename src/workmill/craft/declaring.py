"""What the tasks of an application say of rules, as the store is told."""

from collections.abc import Mapping

from workmill.craft.task import AnyTask
from workmill.words.limit import Rule, Scope


def rules_of(tasks: Mapping[str, AnyTask]) -> tuple[Rule, ...]:
    """Return the rules of these tasks; one that several share stands once."""
    return tuple(dict.fromkeys(rule for task in tasks.values() for rule in task.limits.rules))


def no_longer_said(tasks: Mapping[str, AnyTask], declared: Mapping[str, Rule]) -> tuple[Rule, ...]:
    """Return rules that say nothing, in place of those which code declared of tasks and declares no longer.

    Rules about keys need none: they hold for jobs that were stored with such a key, and no new ones are.

    Args:
        tasks: The tasks as they are now.
        declared: By task, what the store was told before.
    """
    return tuple(
        Rule(scope=Scope.TASK, name=name)
        for name, rule in declared.items()
        if name in tasks and rule != Rule(scope=Scope.TASK, name=name) and not _limits_all(tasks[name])
    )


def _limits_all(task: AnyTask) -> bool:
    return any(rule.scope is Scope.TASK for rule in task.limits.rules)

"""What the code of an application says of rules, schedules and subscriptions, as the store is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from workmill.craft.planning import DeclaredSchedule, plan_of
from workmill.craft.task import AnyTask
from workmill.words.channel import Subscription
from workmill.words.limit import Rule, Scope
from workmill.words.schedule import Missed, NewSchedule, Overlap


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


def schedules_of(
    tasks: Mapping[str, AnyTask], declared: Mapping[str, DeclaredSchedule], now: datetime
) -> tuple[NewSchedule, ...]:
    """Return the schedules of these tasks, and those that are declared apart from them, as they begin at a moment."""
    of_tasks = [
        DeclaredSchedule(
            plan=plan_of(task.name, task.job(), task.schedule, overlap=Overlap.SKIP, missed=Missed.ONCE),
            when=task.schedule,
            is_active=True,
        )
        for task in tasks.values()
        if task.schedule is not None
    ]
    return tuple(each.at(now) for each in [*of_tasks, *declared.values()])


def subscriptions_of(tasks: Mapping[str, AnyTask]) -> tuple[Subscription, ...]:
    """Return the durable subscriptions of these tasks."""
    return tuple(
        Subscription(
            channel=task.channel,
            task=task.name,
            queue=task.queue,
            priority=task.options.priority,
            policy=task.policy,
            parameter=task.signature.parameters[0],
        )
        for task in tasks.values()
        if task.channel is not None
    )


def no_longer_subscribed(tasks: Mapping[str, AnyTask], stored: Sequence[Subscription]) -> tuple[Subscription, ...]:
    """Return those of the stored subscriptions whose tasks are known here and have left their channel."""
    return tuple(each for each in stored if each.task in tasks and tasks[each.task].channel != each.channel)


def _limits_all(task: AnyTask) -> bool:
    return any(rule.scope is Scope.TASK for rule in task.limits.rules)

"""Telling the store what the code says, before the first job of it is claimed."""

from workmill.craft.declaring import no_longer_said, no_longer_subscribed, rules_of, schedules_of, subscriptions_of
from workmill.craft.program import Program
from workmill.store import Declaration, Store
from workmill.words.limit import Scope


async def declare(program: Program, store: Store) -> None:
    """Tell the store of the rules, schedules and subscriptions of a program, and of those that it has no longer.

    Safe to repeat; every engine of every worker does it.

    Raises:
        StoreError: The store failed.
    """
    told = {state.rule.name: state.declared for state in await store.rules() if state.rule.scope is Scope.TASK}
    gone = no_longer_said(program.tasks, {name: rule for name, rule in told.items() if rule is not None})
    declaration = Declaration(
        rules=rules_of(program.tasks) + gone,
        schedules=schedules_of(program.tasks, program.schedules, await store.now()),
        subscriptions=subscriptions_of(program.tasks),
    )
    if declaration != Declaration():
        await store.declare(declaration)
    for left in no_longer_subscribed(program.tasks, await store.subscriptions()):
        await store.unsubscribe(left.channel, [left.task])

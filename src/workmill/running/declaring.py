"""Telling the store what the code says, before the first job of it is claimed."""

from workmill.craft.declaring import no_longer_said, rules_of
from workmill.craft.program import Program
from workmill.store import Declaration, Store
from workmill.words.limit import Scope


async def declare(program: Program, store: Store) -> None:
    """Tell the store of the rules that the program's tasks have, and of those that they have no longer.

    Safe to repeat; every engine of every worker does it.

    Raises:
        StoreError: The store failed.
    """
    told = {state.rule.name: state.declared for state in await store.rules() if state.rule.scope is Scope.TASK}
    gone = no_longer_said(program.tasks, {name: rule for name, rule in told.items() if rule is not None})
    rules = rules_of(program.tasks) + gone
    if rules:
        await store.declare(Declaration(rules=rules))

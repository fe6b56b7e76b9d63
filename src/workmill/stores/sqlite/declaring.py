"""What the code of an application says, in one transaction."""

from workmill.store import Declaration
from workmill.stores.sqlite import publishing, ruling, scheduling
from workmill.stores.sqlite.transaction import Transaction


def declare(declaration: Declaration, transaction: Transaction) -> None:
    """See `Store.declare`."""
    ruling.declare(declaration.rules, transaction)
    scheduling.declare(declaration.schedules, transaction)
    publishing.declare(declaration.subscriptions, transaction)

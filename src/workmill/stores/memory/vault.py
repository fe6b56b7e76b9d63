"""What several memory stores share: one vault is one database."""

from threading import Lock

from workmill.stores.memory.channels import Channels
from workmill.stores.memory.ears import Ears
from workmill.stores.memory.following import Following
from workmill.stores.memory.ledger import Ledger
from workmill.stores.memory.roster import Roster
from workmill.stores.memory.rules import Rules
from workmill.stores.memory.schedules import Schedules
from workmill.stores.memory.slots import Slots
from workmill.stores.memory.undo import Undo


class Vault:
    """Jobs, workers and listeners behind one lock.

    A verb holds the lock from its first look to its last write, which is what makes it one transaction, for threads
    with event loops of their own too. None waits while it holds it.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.undo = Undo()
        self.ledger = Ledger(self.undo)
        self.following = Following(self.ledger, self.undo)
        self.rules = Rules(self.ledger.running)
        self.slots = Slots(self.ledger, self.undo)
        self.roster = Roster()
        self.ears = Ears()
        self.schedules = Schedules(self.ledger, self.ears, self.undo)
        self.channels = Channels()

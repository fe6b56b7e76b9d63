"""What a verb works with: scripts that run on one store, and word of it when that store is not what it was."""

import logging
import secrets

from workmill.stores.redis.address import Address
from workmill.stores.redis.failures import refusal, refused, word_of
from workmill.stores.redis.scripts import Script, script
from workmill.stores.redis.wire import REFUSALS, Conductor, Part, Reply
from workmill.words.errors import SchemaMismatch, StoreUnavailable

SCHEMA = 1
MOST_TRIES = 5
REFUSED = -1
OTHER_DATA = b"epoch"

_log = logging.getLogger("workmill")


class Session:
    """One open store, as its verbs see it.

    The *epoch* is a random word that was stored with the first thing a server kept for this store. Each script says
    which it knows: a server that has another, or none, has lost its data, and does nothing. Each answer says how many
    *changes* the store has seen: fewer than before means that some were lost which the server had said it had.
    """

    def __init__(self, address: Address, line: Conductor) -> None:
        self.address = address
        self.line = line
        self._epoch = b""
        self._changes = 0
        # The second is never there: while a cluster moves our keys, it makes the server refuse the whole script.
        self._keys = (address.key("meta").encode(), address.key("none").encode())

    async def open(self) -> None:
        """Adopt the store, or make it where there is none.

        Raises:
            SchemaMismatch: A newer Workmill has written it.
        """
        self._epoch, self._changes = await self._there()

    @property
    def seen(self) -> tuple[bytes, int]:
        """The epoch, and how many changes the store was seen to have had."""
        return self._epoch, self._changes

    def learn(self, epoch: bytes, changes: int) -> None:
        """Take note of what was seen on another connection."""
        if epoch == self._epoch or not self._epoch:
            self._epoch, self._changes = epoch, max(self._changes, changes)

    async def run(self, verb: str, *args: Part) -> Reply:
        """Run a verb's script and return its answer.

        Raises:
            StoreUnavailable: The server did not answer; what the script did is unknown.
            WorkmillError: The script refused it; nothing was done.
        """
        known = script(verb)
        for _ in range(MOST_TRIES):
            epoch, seen = self._epoch, self._changes
            changes, answer, *rest = await self._run(known, (epoch, *args))
            if changes >= seen:
                # Others may have been answered meanwhile, and know of more.
                self._changes = max(self._changes, changes)
                return answer
            if changes != REFUSED:
                await self._note_lost_changes(seen, changes)
                return answer
            if answer != OTHER_DATA:
                raise refusal(answer.decode(), rest)
            await self._adopt(epoch)
        raise StoreUnavailable(f"{self.address.name}: the server loses its data again and again")

    async def _run(self, known: Script, args: tuple[Part, ...]) -> Reply:
        command = (b"EVALSHA", known.sha, 2, *self._keys, *args)
        reply = await self.line.run(*command)
        for _ in range(MOST_TRIES):
            if not isinstance(reply, REFUSALS):
                return reply
            if word_of(reply) != "NOSCRIPT":
                break
            await self.line.run(b"SCRIPT", b"LOAD", known.text)
            reply = await self.line.run(*command)
        raise refused(reply, self.address.name)

    async def _there(self) -> tuple[bytes, int]:
        """Return the epoch of the store that is there, or made now, and the number of its changes."""
        args = (secrets.token_hex(8).encode(), SCHEMA, self.address.key("s"))
        epoch, schema, changes = await self._run(script("open"), args)
        if int(schema) > SCHEMA:
            raise SchemaMismatch(
                f"{self.address.name}: its data have version {int(schema)} and this Workmill knows {SCHEMA}; upgrade it"
            )
        return epoch, int(changes)

    async def _adopt(self, old: bytes) -> None:
        """Take the server as it is now, unless another verb has done so meanwhile."""
        if self._epoch != old:
            return
        epoch, changes = await self._there()
        if self._epoch == old and epoch != old:
            self._epoch, self._changes = epoch, changes
            await self._note("all data of this store: its jobs, workers, rules and schedules are gone")

    async def _note_lost_changes(self, seen: int, changes: int) -> None:
        if self._changes < seen:
            return  # Another verb has said so.
        self._changes = changes
        await self._note(f"at least the last {seen - changes} changes that it had confirmed")

    async def _note(self, what: str) -> None:
        _log.error("%s: the server has lost %s; see its persistence and replication", self.address.name, what)
        await self._run(script("lost"), (self._epoch, what))  # Where that is lost, too, the next verb finds it out.

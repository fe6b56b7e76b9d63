"""New engines in place of old ones on order: new code, with the same lease, and no moment without an engine at work."""

from collections.abc import Awaitable, Callable

from workmill.running.crew import Crew, Post
from workmill.running.orders import Orders
from workmill.running.protocol import Hello
from workmill.words.emit import Emit
from workmill.words.events import DutyFailed


class Relief:
    """Has the engines of one crew relieved whenever the orders say so.

    Each successor has loaded the application before its predecessor is told anything. So code that cannot be loaded
    changes nothing: the engines work on with what they have.

    Args:
        grace_seconds: How long those that leave may go on with what they run.
        relieved: Is awaited with a successor's hello when every engine has one.
    """

    def __init__(
        self,
        crew: Crew,
        orders: Orders,
        *,
        grace_seconds: float,
        relieved: Callable[[Hello], Awaitable[None]],
        emit: Emit,
    ) -> None:
        self.is_at_work = False
        """Whether engines are being relieved now."""
        self._crew = crew
        self._orders = orders
        self._grace_seconds = grace_seconds
        self._relieved = relieved
        self._emit = emit

    async def obey_for_ever(self) -> None:
        """Obey until cancelled."""
        while True:
            await self._orders.restarting.wait()
            self._orders.restarting.clear()
            self.is_at_work = True
            try:
                await self._obey(self._orders.why_restarting)
            except Exception as error:  # noqa: BLE001 - a loop's edge: the engines work on
                self._emit(DutyFailed(duty="restart the engines", error=repr(error)))
            self.is_at_work = False

    async def _obey(self, why: str) -> None:
        hello = await self._relieve_all(why)
        if hello is not None:
            await self._relieved(hello)

    async def _relieve_all(self, why: str) -> Hello | None:
        """Relieve one after another, so that there is never more than one too many; return the last hello, if all."""
        successor = None
        await self._crew.full.wait()  # What starts just now may have loaded old code: it is relieved, too.
        self._crew.hurry(self._grace_seconds)
        for process in self._crew.at_work:
            successor = await self._crew.relieve(process, why=why, grace_seconds=self._grace_seconds)
            if successor is None and process in self._crew.at_work:
                return None
        hello = None if successor is None else await successor.hello()
        if hello is not None and hello.process_tasks:
            self._crew.open_place(Post.SOLO_ENGINE)
        return hello

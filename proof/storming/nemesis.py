"""Whoever does the damage: one fault after another, by chance, each written down with its beginning and end."""

import asyncio
import random
import signal
from collections.abc import Sequence

from proof.checking.faulting import STALL, STORE
from proof.histories.entry import Op
from proof.histories.pen import Pen
from proof.storming.ground import Ground
from proof.storming.processes import Processes, kill_tree, module_of, send, send_tree, tree
from workmill.running.elapsed import elapsed

ON_WORKERS = (
    "kill worker",
    "kill supervisor",
    "kill engine",
    "kill solo",
    "freeze worker",
    "end worker",
    "restart engines",
)
MODULES = {"kill engine": "workmill.running.child", "kill solo": "workmill.running.solo"}


class Nemesis:
    """Deals faults like a deck of cards, so that each kind comes as often as any other.

    Args:
        lease: How long a worker must be frozen to lose its jobs.
        stalls: Whether a frozen worker may hold the whole store up, as where one process writes at a time.
        only: The kinds of faults to deal; all where none is named.
    """

    def __init__(
        self,
        *,
        ground: Ground,
        processes: Processes,
        pen: Pen,
        chance: random.Random,
        lease: float,
        stalls: bool,
        only: Sequence[str] = (),
    ) -> None:
        self._ground = ground
        self._processes = processes
        self._pen = pen
        self._chance = chance
        self._lease = lease
        self._stalls = stalls
        self._kinds = [kind for kind in (*ON_WORKERS, *ground.faults) if kind in only or not only]
        self._deck: list[str] = []
        self._frozen: set[int] = set()

    async def strike(self) -> None:
        """Deal one fault and wait until it is over."""
        if not self._deck:
            self._deck = self._chance.sample(self._kinds, len(self._kinds))
        fault = self._deck.pop()
        if fault in ON_WORKERS:
            await self._strike_worker(fault, self._chance.choice(self._processes.workers).pid)
        else:
            await self._strike_store(fault)

    def heal(self) -> None:
        """Undo whatever is still broken."""
        for fault in self._ground.faults:
            self._ground.end(fault)
        for pid in self._frozen:
            send_tree(pid, signal.SIGCONT)

    async def _strike_store(self, fault: str) -> None:
        began = elapsed()
        await asyncio.sleep(self._ground.begin(fault))
        self._ground.end(fault)
        self._pen.write(Op.FAULT, kind=fault, scope=STORE, at=began, until=elapsed())

    async def _strike_worker(self, fault: str, pid: int) -> None:
        began = elapsed()
        match fault:
            case "kill worker":
                kill_tree(pid)
            case "kill supervisor":
                send(pid, signal.SIGKILL)
            case "end worker":
                send(pid, signal.SIGTERM)
            case "restart engines":
                send(pid, signal.SIGHUP)
            case "freeze worker":
                await self._freeze(pid)
            case _:
                victims = [each for each in tree(pid) if module_of(each).startswith(MODULES[fault])]
                if not victims:
                    return
                victim = self._chance.choice(victims)
                send(victim, signal.SIGKILL)
                # With an engine go the processes of its jobs; a process of its own takes one job only.
                pid = victim if fault == "kill solo" else pid
        self._pen.write(Op.FAULT, kind=fault, scope=str(pid), at=began, until=elapsed())
        if fault == "freeze worker" and self._stalls:
            self._pen.write(Op.FAULT, kind=STALL, scope=STORE, at=began, until=elapsed())

    async def _freeze(self, pid: int) -> None:
        self._frozen.add(pid)
        send_tree(pid, signal.SIGSTOP)
        await asyncio.sleep(self._lease * 1.3)
        send_tree(pid, signal.SIGCONT)
        self._frozen.discard(pid)

"""The queued jobs of one task on one queue that pass gates: who is next of those whose gates are all open."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

from workmill.stores.memory.line import Line, Turn
from workmill.words.limit import Gate

IsShut: TypeAlias = Callable[[Gate], bool]
Gates: TypeAlias = tuple[Gate, ...]


class GatedLine:
    """Jobs in a lane for each combination of gates, and lanes in a group behind one of their gates.

    A claim looks only at the first of groups that may be open. One whose gate it finds shut is put aside until that
    gate is reopened; a lane that another of its gates holds back goes over to the group behind that one. So what a
    claim costs depends neither on how many jobs wait before shut gates nor on how many gates there are.
    """

    def __init__(self) -> None:
        self._lanes: dict[Gates, Line[Turn]] = {}
        self._groups: dict[Gate, Line[Turn]] = {}
        self._gate_of: dict[Gates, Gate] = {}
        self._gates_of: dict[str, Gates] = {}
        self._shut: set[Gate] = set()
        self._front: Line[Turn] = Line()
        self._lanes_before: Counter[Gate] = Counter()

    def __len__(self) -> int:
        return len(self._gates_of)

    def turns(self) -> Iterator[Turn]:
        """Yield the turns of all that stand here."""
        return (turn for lane in self._lanes.values() for turn in lane.standing())

    def is_before(self, gate: Gate) -> bool:
        """Whether a job stands here that passes this gate."""
        return gate in self._lanes_before

    def put(self, job_id: str, gates: Gates, turn: Turn) -> None:
        """Line a job up before its gates."""
        self._gates_of[job_id] = gates
        lane = self._lanes.get(gates)
        if lane is None:
            lane = self._open_lane(gates)
        head = lane.first()
        if head is not None and head[0] < turn:
            lane.put(job_id, turn)
            return
        self._unseat(gates)
        lane.put(job_id, turn)
        self._seat(gates)

    def drop(self, job_id: str) -> None:
        """Let a job leave; one that does not stand here is no error."""
        gates = self._gates_of.get(job_id)
        if gates is None:
            return
        lane = self._lanes[gates]
        head = lane.first()
        if head is None or head[1] != job_id:
            lane.drop(job_id)
        else:
            self._unseat(gates)
            lane.drop(job_id)
            self._seat(gates)
        del self._gates_of[job_id]
        if not lane:
            self._close_lane(gates)

    def first(self, is_shut: IsShut) -> tuple[Turn, str] | None:
        """Return the turn and id of who is next of those whose gates are all open."""
        while head := self._front.first():
            gates = self._gates_of[head[1]]
            gate = self._gate_of[gates]
            if is_shut(gate):
                self._shut.add(gate)
                self._front.drop(head[1])
            elif other := next((one for one in gates if is_shut(one)), None):
                self._unseat(gates)
                self._gate_of[gates] = other
                self._seat(gates)
            else:
                return head
        return None

    def reopen(self, gate: Gate) -> None:
        """Look at those behind a gate again, which may be open now."""
        if gate not in self._shut:
            return
        self._shut.discard(gate)
        if head := self._groups[gate].first():
            self._front.put(head[1], head[0])

    def reopen_all(self) -> None:
        """Look at everybody again."""
        for gate in list(self._shut):
            self.reopen(gate)

    def _open_lane(self, gates: Gates) -> Line[Turn]:
        self._gate_of[gates] = gates[0]
        self._lanes_before.update(gates)
        return self._lanes.setdefault(gates, Line())

    def _close_lane(self, gates: Gates) -> None:
        del self._lanes[gates], self._gate_of[gates]
        for gate in gates:
            self._lanes_before[gate] -= 1
            if not self._lanes_before[gate]:
                del self._lanes_before[gate]

    def _unseat(self, gates: Gates) -> None:
        """Take a lane out of its group, before it is changed."""
        gate, head = self._gate_of[gates], self._lanes[gates].first()
        group = self._groups.get(gate)
        if group is None or head is None:
            return
        self._withdraw(group)
        group.drop(head[1])
        self._present(gate, group)
        if not group:
            del self._groups[gate]
            self._shut.discard(gate)

    def _seat(self, gates: Gates) -> None:
        """Put a lane into its group, by who is its first now."""
        gate, head = self._gate_of[gates], self._lanes[gates].first()
        if head is None:
            return
        group = self._groups.setdefault(gate, Line())
        self._withdraw(group)
        group.put(head[1], head[0])
        self._present(gate, group)

    def _withdraw(self, group: Line[Turn]) -> None:
        if head := group.first():
            self._front.drop(head[1])

    def _present(self, gate: Gate, group: Line[Turn]) -> None:
        if gate not in self._shut and (head := group.first()):
            self._front.put(head[1], head[0])

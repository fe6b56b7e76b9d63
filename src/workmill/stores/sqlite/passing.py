"""Which queued jobs may begin where limits, rates or gates hold some of them back.

A claim looks at lines: the jobs of a lane that pass no gates, and strands. Of each line it sees the first jobs, takes
those that the rules allow in the order of all, and stops where a line goes on behind what it saw and could still give;
then it is asked again, and looks further. Strands that a closed gate holds are not looked at: what is held back costs
nothing, however much it is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from workmill.store import NoticeKind
from workmill.stores.sqlite.allowance import Allowance, Allowances, Name, names_of
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.strands import balance
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import JobState
from workmill.words.limit import Scope

Lane = tuple[str, str]
Head = tuple[int, int]
"""What decides who comes first: the priority, turned round, and the place in the order of storing."""


class Line(NamedTuple):
    """The first jobs of one line. `is_cut`: there may be more behind them."""

    heads: list[Head]
    is_cut: bool
    allowances: tuple[Allowance, ...]
    strand: int | None = None


class Sight(NamedTuple):
    """What a claim sees at once.

    Attributes:
        edges: Behind each of these places there may be jobs that are not seen, which these allowances bound.
    """

    lines: list[Line]
    edges: dict[int, list[tuple[Allowance, ...]]]


class Choice:
    """The jobs that a claim is to take, by their places in order, each with its line."""

    def __init__(self, sight: Sight, closed: Collection[Allowance]) -> None:
        self.taken: dict[int, Line] = {}
        self.is_over = True
        self._sight = sight
        self._closed = set(closed)

    def make(self, limit: int) -> None:
        """Take the first jobs that are allowed."""
        order = sorted((*head, number) for number, line in enumerate(self._sight.lines) for head in line.heads)
        for _, place, number in order:
            if len(self.taken) >= limit:
                return
            line = self._sight.lines[number]
            if is_open(line.allowances):
                self._take(place, line)
            if any(is_open(allowances) for allowances in self._sight.edges.get(place, ())):
                self.is_over = len(self.taken) >= limit
                return

    def closed(self) -> list[Allowance]:
        """Return what is known to allow no more."""
        seen = {allowance for line in self._sight.lines for allowance in line.allowances}
        return [allowance for allowance in self._closed | seen if not allowance.is_open]

    def refused(self) -> list[int]:
        """Return the strands that have jobs which a gate does not let through."""
        return [
            line.strand
            for line in self._sight.lines
            if line.strand is not None and not is_open([each for each in line.allowances if each.name[0] == Scope.KEY])
        ]

    def _take(self, place: int, line: Line) -> None:
        self.taken[place] = line
        for allowance in line.allowances:
            allowance.take()


def is_open(allowances: Sequence[Allowance]) -> bool:
    """Whether all of them allow one more."""
    return all(allowance.is_open for allowance in allowances)


def choose(lanes: Sequence[Lane], limit: int, turn: int, transaction: Transaction) -> Choice:
    """Choose up to `limit` jobs of some lanes.

    Args:
        lanes: The lanes.
        limit: How many are wanted at most.
        turn: How often the claim has chosen before: each time more of every line is looked at.
        transaction: Where.
    """
    transaction.flush()
    reopen(transaction)
    allowances, now = Allowances(), transaction.now
    lanes = [(task, queue) for task, queue in lanes]
    transaction.hold(allowances.look_up([name for lane in lanes for name in names_of(*lane)], now))
    bounds = {lane: allowances.of(names_of(*lane)) for lane in lanes}
    free = [lane for lane in lanes if is_open(bounds[lane])]
    share = 0 if limit <= 0 or not free else (limit // len(free) + 1) << 2 * turn
    sight = looked_at(free, min(share, limit + 1), allowances, transaction) if share else Sight([], defaultdict(list))
    choice = Choice(sight, {each for lane in lanes for each in bounds[lane]})
    choice.make(max(limit, 0))
    return choice


def looked_at(lanes: Sequence[Lane], share: int, allowances: Allowances, transaction: Transaction) -> Sight:
    """Look at the first jobs of the lines of some lanes."""
    heads = transaction.batch(statements("claim")["heads"], pack(lanes), share)
    sight = Sight([], defaultdict(list))
    for lane, first in zip(lanes, heads, strict=True):
        add(sight, Line(list(map(tuple, first)), len(first) == share, allowances.of(names_of(*lane))))
    look_at_strands(lanes, share, sight, allowances, transaction)
    return sight


def look_at_strands(
    lanes: Sequence[Lane], share: int, sight: Sight, allowances: Allowances, transaction: Transaction
) -> None:
    """Add the first jobs of the first strands of some lanes to what is seen."""
    strands = transaction.batch(statements("pass")["strands"], pack(lanes), share, share)
    gates: list[Name] = [(Scope.KEY, *gate) for _, _, gates, _ in strands for gate in gates]
    transaction.hold(allowances.look_up(gates, transaction.now))
    seen: Counter[Lane] = Counter()
    for strand, number, passed, first in strands:
        lane: Lane = lanes[number]
        seen[lane] += 1
        if not first:
            # The file was changed by another program: to be looked at again.
            transaction.account.moved(strand, None, JobState.QUEUED)
            continue
        bounds = allowances.of(names_of(*lane, passed))
        add(sight, Line(list(map(tuple, first)), len(first) == share, bounds, strand))
        if seen[lane] == share:
            # The strands behind this one come after its head.
            sight.edges[first[0][1]].append(allowances.of(names_of(*lane)))


def add(sight: Sight, line: Line) -> None:
    """Add a line to what is seen."""
    sight.lines.append(line)
    if line.is_cut:
        sight.edges[line.heads[-1][1]].append(line.allowances)


def conclude(choice: Choice, taken: Collection[int], transaction: Transaction) -> None:
    """Write what it means for rules and gates that jobs, given by their places, were taken."""
    begun: Counter[Name] = Counter()
    for place in taken:
        line = choice.taken[place]
        begun.update(each.name for each in line.allowances if each.has_rate)
        if line.strand is not None:
            transaction.account.moved(line.strand, JobState.QUEUED, JobState.RUNNING)
    rows = [(*name, transaction.now, jobs) for name, jobs in begun.items()]
    transaction.run_each(statements("pass")["note_starts"], rows)
    if len(taken) == len(choice.taken):
        # Else some of them are not in the way after all.
        close(choice, transaction)


def close(choice: Choice, transaction: Transaction) -> None:
    """Note when rates open again, and let closed gates hold the strands that pass them."""
    sql = statements("pass")
    for allowance in choice.closed():
        scope, name, key = allowance.name
        opens_at = allowance.opens_at
        if opens_at is None:
            continue
        if scope == Scope.KEY:
            noted = transaction.value(sql["note_gate"], name, key, opens_at)
        else:
            noted = transaction.value(sql["note_rule"], scope, name, opens_at)
        if noted is not None:
            transaction.tell(NoticeKind.SCHEDULED)
    for strand in choice.refused():
        transaction.account.moved(strand, JobState.QUEUED, JobState.QUEUED)


def reopen(transaction: Transaction) -> None:
    """Let claims look again at what rates held back until now, and tell of it."""
    sql, now = statements("pass"), transaction.now
    if not transaction.value(sql["is_opening"], now):
        return
    for queue in transaction.batch(sql["opening_rules"], now):
        transaction.tell(NoticeKind.QUEUED, queue=queue)
    transaction.run(sql["open_rules"], now)
    gates = transaction.batch(sql["opening_gates"], now)
    transaction.run(sql["open_gates"], now)
    transaction.flush()
    transaction.hold(balance(gates, transaction.account))

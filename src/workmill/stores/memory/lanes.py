"""The queued jobs, in one street for each task on each queue, so that no claim sees what it may not take."""

from collections.abc import Iterator

from workmill.stores.memory.gated import GatedLine, IsShut
from workmill.stores.memory.line import Line, Turn
from workmill.stores.memory.subjects import Subject
from workmill.words.job import Job
from workmill.words.limit import Gate, Scope


class Street:
    """The queued jobs of one task on one queue: those that pass gates beside those that do not."""

    def __init__(self, task: str, queue: str) -> None:
        self.task = task
        self.queue = queue
        self.plain: Line[Turn] = Line()
        self.gated: GatedLine | None = None

    def __len__(self) -> int:
        return len(self.plain) + (0 if self.gated is None else len(self.gated))

    def put(self, job: Job, turn: Turn) -> None:
        """Line a job up."""
        if job.ties is None or not job.ties.gates:
            self.plain.put(job.id, turn)
            return
        if self.gated is None:
            self.gated = GatedLine()
        self.gated.put(job.id, job.ties.gates, turn)

    def drop(self, job: Job) -> None:
        """Let a job leave."""
        if job.ties is None or not job.ties.gates:
            self.plain.drop(job.id)
        elif self.gated is not None:
            self.gated.drop(job.id)

    def first(self, is_shut: IsShut) -> tuple[Turn, str] | None:
        """Return the turn and id of who is next of those whose gates are all open."""
        plain = self.plain.first()
        gated = None if self.gated is None else self.gated.first(is_shut)
        return min(plain, gated) if plain and gated else plain or gated

    def turns(self) -> Iterator[Turn]:
        """Yield the turns of all that stand here."""
        yield from self.plain.standing()
        if self.gated is not None:
            yield from self.gated.turns()


class Lanes:
    """The streets that somebody stands in, by task and queue."""

    def __init__(self) -> None:
        self._streets: dict[str, dict[str, Street]] = {}
        self._gated: dict[Street, None] = {}

    def put(self, job: Job, turn: Turn) -> None:
        """Line a job up."""
        queues = self._streets.setdefault(job.task, {})
        street = queues.get(job.queue)
        if street is None:
            street = queues[job.queue] = Street(job.task, job.queue)
        street.put(job, turn)
        if street.gated is not None:
            self._gated[street] = None

    def drop(self, job: Job) -> None:
        """Let a job leave, and a street that nobody stands in vanish."""
        queues = self._streets.get(job.task, {})
        street = queues.get(job.queue)
        if street is None:
            return
        street.drop(job)
        if street:
            return
        self._gated.pop(street, None)
        del queues[job.queue]
        if not queues:
            del self._streets[job.task]

    def named(self, tasks: tuple[str, ...], queues: tuple[str, ...] | None) -> list[Street]:
        """Return the streets of these tasks on these queues (None: on all)."""
        return [
            street
            for task in dict.fromkeys(tasks)
            for queue, street in self._streets.get(task, {}).items()
            if queues is None or queue in queues
        ]

    def on(self, queue: str) -> list[Street]:
        """Return the streets on a queue."""
        return [queues[queue] for queues in self._streets.values() if queue in queues]

    def behind(self, subject: Subject) -> list[str]:
        """Return the queues on which jobs stand that a rule counts as this."""
        scope, name, key = subject
        match scope:
            case Scope.QUEUE:
                return [name] if self.on(name) else []
            case Scope.TASK:
                return list(self._streets.get(name, {}))
            case Scope.KEY:
                gate = Gate(name=name, key=key)
                streets = (street for street in self._gated if street.gated and street.gated.is_before(gate))
                return list(dict.fromkeys(street.queue for street in streets))

    def reopen(self, subject: Subject) -> None:
        """Let the next claim look again at those whom a rule counts as this, as their gate may be open now."""
        scope, name, key = subject
        if scope is not Scope.KEY:
            return
        gate = Gate(name=name, key=key)
        for street in self._gated:
            if street.gated is not None:
                street.gated.reopen(gate)

    def reopen_all(self) -> None:
        """Let the next claim look again at everybody."""
        for street in self._gated:
            if street.gated is not None:
                street.gated.reopen_all()

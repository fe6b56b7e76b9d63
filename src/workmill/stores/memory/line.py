"""Lines of job ids in an order: who is next, at the cost of a heap, with leaving from anywhere."""

import heapq
from datetime import datetime
from typing import Generic, TypeVar

from workmill.words.job import Job

Key = TypeVar("Key", bound=tuple[object, ...])
SLACK = 64


class Line(Generic[Key]):
    """Ids ordered by key. Who leaves stays in the heap as a shadow until it comes up or shadows are the most."""

    def __init__(self) -> None:
        self._heap: list[tuple[Key, str]] = []
        self._keys: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, job_id: str, key: Key) -> None:
        """Let an id that is not in the line join it."""
        self._keys[job_id] = key
        heapq.heappush(self._heap, (key, job_id))

    def drop(self, job_id: str) -> None:
        """Let an id leave; one that is not in the line is no error."""
        self._keys.pop(job_id, None)
        if len(self._heap) > 2 * len(self._keys) + SLACK:
            self._heap = [(key, other) for other, key in self._keys.items()]
            heapq.heapify(self._heap)

    def first(self) -> tuple[Key, str] | None:
        """Return the key and id of who is next, without taking it out."""
        while self._heap:
            key, job_id = self._heap[0]
            if self._keys.get(job_id) == key:
                return key, job_id
            heapq.heappop(self._heap)
        return None


def take_due(line: Line[tuple[datetime, int]], now: datetime, limit: int) -> list[str]:
    """Take up to `limit` ids whose moment has come out of a line ordered by moments."""
    taken: list[str] = []
    while len(taken) < limit and (head := line.first()) and head[0][0] <= now:
        taken.append(head[1])
        line.drop(head[1])
    return taken


class Lanes:
    """The queued jobs, in one line for each task on each queue, so that no claim sees what it may not take."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, Line[tuple[int, int]]]] = {}

    def put(self, job: Job, place: int) -> None:
        """Line a job up: the highest priority first, then by its place in the order of storing."""
        queues = self._lines.setdefault(job.task, {})
        queues.setdefault(job.queue, Line()).put(job.id, (-job.priority, place))

    def drop(self, job: Job) -> None:
        """Let a job leave, and a line that nobody stands in vanish."""
        queues = self._lines.get(job.task, {})
        line = queues.get(job.queue)
        if line is None:
            return
        line.drop(job.id)
        if not line:
            del queues[job.queue]
        if not queues:
            del self._lines[job.task]

    def take(self, tasks: tuple[str, ...], queues: tuple[str, ...] | None, limit: int) -> list[str]:
        """Take up to `limit` ids out of the lines named, in the order over all of them."""
        lines = self._named(tasks, queues)
        heads = [(*head, place) for place, line in enumerate(lines) if (head := line.first())]
        heapq.heapify(heads)
        taken: list[str] = []
        while heads and len(taken) < limit:
            _, job_id, place = heads[0]
            taken.append(job_id)
            lines[place].drop(job_id)
            head = lines[place].first()
            if head is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (*head, place))
        return taken

    def _named(self, tasks: tuple[str, ...], queues: tuple[str, ...] | None) -> list[Line[tuple[int, int]]]:
        return [
            line
            for task in dict.fromkeys(tasks)
            for queue, line in self._lines.get(task, {}).items()
            if queues is None or queue in queues
        ]

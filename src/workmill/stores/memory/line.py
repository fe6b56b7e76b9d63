"""Lines of job ids in an order: who is next, at the cost of a heap, with leaving from anywhere."""

import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

Key = TypeVar("Key", bound=tuple[object, ...])
SLACK = 64
Turn: TypeAlias = tuple[int, int]
"""When a queued job is next: by its priority, the highest first, then by its place in the order of storing."""


class Line(Generic[Key]):
    """Ids ordered by key. Who leaves stays in the heap as a shadow until it comes up or shadows are the most."""

    def __init__(self) -> None:
        self._heap: list[tuple[Key, str]] = []
        self._keys: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def standing(self) -> Iterable[Key]:
        """Return the keys of all in the line, in no order."""
        return self._keys.values()

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

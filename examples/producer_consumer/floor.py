"""What the page shows: the queue, who plays which part and said what last, and the newest lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from examples.producer_consumer.saying import Hearing, Line, Part
from examples.producer_consumer.tasks import BOUND, CONSUMERS, QUEUE
from workmill import App, Job, JobState

MOST_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How things stand at one moment.

    Attributes:
        waiting: The elements that wait, the next one first.
        running: How many are being consumed.
        has_consumers: Whether any worker takes them.
        lanes: For each part, what everybody who plays it said last, by name.
        lines: What was said, the newest first.
    """

    waiting: Sequence[int]
    running: int
    has_consumers: bool
    lanes: dict[Part, list[Line]]
    lines: Sequence[tuple[datetime, Line]]

    @classmethod
    def now(cls, app: App, hearing: Hearing) -> Self:
        """Look at the queue and at what was heard."""
        info = app.queue(QUEUE).info()
        queued = app.jobs(queues=[QUEUE], states=[JobState.QUEUED, JobState.RETRYING], limit=BOUND).jobs
        lines = hearing.lines
        return cls(
            waiting=[_element(job) for job in reversed(queued)],
            running=info.counts.get(JobState.RUNNING, 0),
            has_consumers=bool(info.workers),
            lanes={part: _last_words(part, lines) for part in Part},
            lines=lines[:MOST_SHOWN],
        )

    @property
    def free(self) -> int:
        """How many more the queue would hold."""
        return max(BOUND - len(self.waiting), 0)

    @property
    def sentence(self) -> str:
        """What there is to say of the queue."""
        if not self.has_consumers:
            return "No consumer lives: what is put waits for one."
        if not self.free:
            return "The queue is full: producers wait."
        if self.waiting or self.running:
            return f"{self.running} of {CONSUMERS} consumers at work."
        return "The queue is empty: consumers wait."


def _element(job: Job) -> int:
    return int(json.loads(job.args)["element"])


def _last_words(part: Part, lines: Sequence[tuple[datetime, Line]]) -> list[Line]:
    last = {line.who: line for _, line in reversed(lines) if line.part is part}
    return [last[who] for who in sorted(last)]

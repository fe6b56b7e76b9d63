"""When attempts began that a rate counts."""

import heapq
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from workmill.stores.memory.subjects import Subject, Title
from workmill.words.clock import later
from workmill.words.limit import Rate

SLACK = 64


class Starts:
    """The beginnings that each rate counts, and when those reached open again."""

    def __init__(self) -> None:
        self._rates: dict[Title, Rate] = {}
        self._logs: dict[Subject, deque[datetime]] = {}
        self._shut: list[tuple[datetime, Subject]] = []
        self._sweep_at = SLACK

    def __bool__(self) -> bool:
        return bool(self._rates)

    def keep(self, rates: Mapping[Title, Rate], now: datetime) -> None:
        """Count by these rates from now on; what one counts whose place another takes goes on to count."""
        for subject in list(self._logs):
            self._age(subject, now)
            if subject[:2] not in rates:
                self._logs.pop(subject, None)
        self._rates = dict(rates)
        self._shut = [(at, subject) for subject in self._logs if (at := self.opens_at(subject, now))]
        heapq.heapify(self._shut)

    def add(self, subject: Subject, now: datetime) -> None:
        """Count a beginning, where a rate is about it."""
        if subject[:2] not in self._rates:
            return
        self._age(subject, now)
        self._logs.setdefault(subject, deque()).append(now)
        if opens_at := self.opens_at(subject, now):
            heapq.heappush(self._shut, (opens_at, subject))
        if len(self._logs) > self._sweep_at:
            self._sweep(now)

    def opens_at(self, subject: Subject, now: datetime) -> datetime | None:
        """Return when a rate that is reached lets the next begin; None where one may now."""
        rate, log = self._rates.get(subject[:2]), self._logs.get(subject)
        if rate is None or log is None or len(log) < rate.count:
            return None
        opens_at = later(log[-rate.count], rate.per)
        return opens_at if now < opens_at else None

    def opened(self, now: datetime) -> list[Subject]:
        """Return, once each time, the subjects whose rate was reached and is so no more."""
        opened: list[Subject] = []
        while self._shut and self._shut[0][0] <= now:
            _, subject = heapq.heappop(self._shut)
            if self.opens_at(subject, now) is None:
                opened.append(subject)
        return opened

    @property
    def next_at(self) -> datetime | None:
        """When the first opens of those whose rate was reached when `opened` was asked last."""
        return self._shut[0][0] if self._shut else None

    def _age(self, subject: Subject, now: datetime) -> None:
        """Forget what no rate counts any more."""
        log, per = self._logs.get(subject), self._rates[subject[:2]].per
        while log and later(log[0], per) <= now:
            log.popleft()
        if log is not None and not log:
            del self._logs[subject]

    def _sweep(self, now: datetime) -> None:
        for subject in list(self._logs):
            self._age(subject, now)
        self._sweep_at = 2 * len(self._logs) + SLACK

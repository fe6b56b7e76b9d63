"""The rules over work: what is declared, what is set by hand, what holds, and whom it lets begin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from workmill.store import Pause, RuleState
from workmill.stores.memory.starts import Starts
from workmill.stores.memory.subjects import Subject, Title, of_job, of_queue, of_task
from workmill.words.job import Job
from workmill.words.limit import Rule, Scope


class Rules:
    """What holds for whom, over the number of jobs that run of each subject."""

    def __init__(self, running: Mapping[Subject, int]) -> None:
        self._running = running
        self.pauses: dict[str, Pause] = {}
        self.starts = Starts()
        self._declared: dict[Title, Rule] = {}
        self._by_hand: dict[Title, Rule] = {}
        self._in_force: dict[Title, Rule] = {}

    def __bool__(self) -> bool:
        return bool(self._in_force)

    def declare(self, rules: Sequence[Rule], now: datetime) -> bool:
        """Note what code says, and return whether that changes what holds."""
        self._declared.update(((rule.scope, rule.name), rule) for rule in rules)
        return self._enforce(now)

    def set(self, rules: Sequence[Rule], now: datetime) -> bool:
        """Set rules by hand, and return whether that changes what holds."""
        self._by_hand.update(((rule.scope, rule.name), rule) for rule in rules)
        return self._enforce(now)

    def reset(self, titles: Sequence[Title], now: datetime) -> bool:
        """Undo what was set by hand, and return whether that changes what holds."""
        for title in titles:
            self._by_hand.pop(title, None)
        return self._enforce(now)

    def states(self) -> list[RuleState]:
        """Return the rules in force, by scope and name."""
        counted = Counter[Title]()
        for (scope, name, _), running in self._running.items():
            counted[scope, name] += running
        return [
            RuleState(rule=rule, declared=self._declared.get(title), running=counted[title])
            for title, rule in sorted(self._in_force.items())
        ]

    def get(self, subject: Subject) -> Rule | None:
        """Return the rule that holds for a subject."""
        return self._in_force.get(subject[:2])

    def bound(self, queue: str) -> int | None:
        """Return how many jobs that have not begun a queue may hold."""
        rule = self._in_force.get((Scope.QUEUE, queue))
        return None if rule is None else rule.waiting

    def is_limited(self, subject: Subject) -> bool:
        """Whether a rule says how many may run."""
        rule = self._in_force.get(subject[:2])
        return rule is not None and rule.running is not None

    def is_full(self, subject: Subject) -> bool:
        """Whether as many run as may."""
        rule = self._in_force.get(subject[:2])
        return rule is not None and rule.running is not None and self._running.get(subject, 0) >= rule.running

    def is_shut(self, subject: Subject, now: datetime) -> bool:
        """Whether nobody who counts as this may begin now."""
        return self.is_full(subject) or self.starts.opens_at(subject, now) is not None

    def admits(self, task: str, queue: str, now: datetime) -> bool:
        """Whether jobs of a task on a queue may begin now, as far as their gates let them."""
        if not self._in_force and not self.pauses:
            return True
        return not (queue in self.pauses or self.is_shut(of_queue(queue), now) or self.is_shut(of_task(task), now))

    def begin(self, job: Job, now: datetime) -> None:
        """Count the beginning of an attempt, where a rate does."""
        if self.starts:
            for one in of_job(job):
                self.starts.add(one, now)

    def _enforce(self, now: datetime) -> bool:
        in_force = self._declared | self._by_hand
        if in_force == self._in_force:
            return False
        self._in_force = in_force
        self.starts.keep({title: rule.rate for title, rule in in_force.items() if rule.rate is not None}, now)
        return True

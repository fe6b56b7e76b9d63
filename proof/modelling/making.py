"""What a machine may choose from: few names, so that jobs meet; few lengths, so that moments coincide."""

from datetime import timedelta

from hypothesis import strategies

from workmill.testing.conformance.making import DEATH, DONE, ERROR, SECOND
from workmill.words.job import JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.retry import Backoff

TASKS, QUEUES = ("a", "b"), ("x", "y")
POLICY = Policy(max_attempts=3, backoff=Backoff(first=5 * SECOND, jitter=0), keep=timedelta(seconds=30))
OUTCOMES: tuple[Outcome, ...] = (
    Returned(),
    DONE,
    Failed(failure=ERROR),
    Failed(failure=ERROR, retryable=False),
    Failed(failure=ERROR, after=timedelta(0)),
    Snoozed(after=7 * SECOND),
    Cancelled(reason="enough"),
    Interrupted(failure=DEATH),
    Returned(),
)

INDEX = strategies.integers(0, 30)
"""Which of what there is; counted from the newest, and beyond the oldest begins anew."""
NEWEST = strategies.sampled_from((0, 0, 0, 0, 1, 1, 2, 3))
"""Likewise, mostly the newest."""
SIDE = strategies.integers(0, 1)
"""Through which of two stores."""
CALL = strategies.fixed_dictionaries(
    {
        "task": strategies.sampled_from(TASKS),
        "queue": strategies.sampled_from(QUEUES),
        "priority": strategies.sampled_from((0, 0, 5, -1)),
        "args": strategies.sampled_from((b"{}", b'{"n":1}')),
        "key": strategies.sampled_from((None, None, None, "k")),
        "delay": strategies.sampled_from((None, None, timedelta(0), 3 * SECOND, 12 * SECOND)),
    }
)
CALLS = strategies.lists(CALL, min_size=1, max_size=4)
ENDS = strategies.lists(strategies.tuples(NEWEST | INDEX, strategies.sampled_from(OUTCOMES)), min_size=1, max_size=3)
INDICES = strategies.lists(INDEX, min_size=1, max_size=3)
LIMIT = strategies.integers(0, 4)
SOME_TASKS = strategies.sampled_from((TASKS, TASKS, TASKS, TASKS[:1], ("unknown",)))
SOME_QUEUES = strategies.sampled_from((None, QUEUES, None, QUEUES[1:]))
SOME_STATES = strategies.lists(strategies.sampled_from(JobState), max_size=2).map(tuple)
LENGTH = strategies.sampled_from((1, 1, 4, 4, 10, 31))

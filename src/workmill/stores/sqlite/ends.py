"""What follows from the ends of jobs: those who wait for them go on or end, and so do those who wait for these.

    ends --> lost: whoever needs their success, down to the last --> counted down: whoever waits for any of them
      ^                                                                   |
      +------------------------- not needed any more ---------------------+--> scheduled, queued

Of a plain job nothing follows: none of this is entered for it.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.made import end_made, pause_loops
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.words.codec import dump_failure, load_policy
from workmill.words.job import JobState
from workmill.words.policy import KEEP
from workmill.words.ticks import LAST, later
from workmill.words.ties_codec import load_ties
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed


class Standing(NamedTuple):
    """A job that has not ended, as far as its end concerns others.

    Attributes:
        ties: As text, None where it has none.
        followed: Who follows it: the sum of `BY_JOBS` and `BY_LOOP`; None where nobody does.
    """

    seq: int
    id: str
    task: str
    queue: str
    state: str
    policy: str
    ties: str | None
    strand: int | None
    followed: int | None


class End(NamedTuple):
    """The end of a job, as far as something follows from it."""

    seq: int
    id: str
    state: str
    ties: str | None
    followed: int | None
    has_waited: bool = False

    @classmethod
    def of(cls, job: Standing, state: str) -> "End":
        """Return the end of a job that was not running."""
        return cls(job.seq, job.id, state, job.ties, job.followed, job.state == JobState.WAITING)

    @property
    def has_consequences(self) -> bool:
        """Whether anything follows from it."""
        return self.ties is not None or self.followed is not None or self.has_waited


class Loss(NamedTuple):
    """How a job ends that never began."""

    state: JobState
    failure: str | None
    reason: str | None


class Hope(NamedTuple):
    """What a waiting job waits for once some of its parents have ended. See the table `waiting`."""

    job: Standing
    run_at: int | None
    missing: int
    hoped: int | None
    has_failure: int
    delay: int | None


BY_JOBS = 1
"""In `job.followed`: other jobs follow it."""
BY_LOOP = 2
"""In `job.followed`: it is the last job of a loop."""

UNNEEDED = Loss(JobState.CANCELLED, None, not_needed())


def follow(ends: Sequence[End], account: Account) -> Talk[None]:
    """Do what follows from the ends of jobs, which are written already."""
    front = ends
    while front:
        waited = [end.seq for end in front if end.has_waited]
        if waited:
            yield from say(statements("follow")["wait_no_more"], pack(waited))
        lost = yield from lose(front, account)
        ended = [*front, *lost]
        yield from end_made([(schedule, end.seq) for end in ended if (schedule := schedule_of(end)) is not None])
        yield from pause_loops([end.id for end in ended if (end.followed or 0) & BY_LOOP], account)
        front = yield from count_down([end for end in ended if (end.followed or 0) & BY_JOBS], account)


def schedule_of(end: End) -> str | None:
    """Return the schedule that made a job, where one did."""
    try:
        return None if end.ties is None else load_ties(end.ties).schedule
    except ValueError:
        return None


def lose(ends: Sequence[End], account: Account) -> Talk[list[End]]:
    """End all who need the success of jobs that had none, and who need theirs."""
    spoilers = [end for end in ends if (end.followed or 0) & BY_JOBS and end.state != JobState.SUCCEEDED]
    if not spoilers:
        return []
    sql = statements("follow")
    ties = yield from ask(sql["spoilt"], pack([end.seq for end in spoilers]))
    parents = first_parents(spoilers, ties)
    if not parents:
        return []
    rows = yield from ask(sql["standing"], pack(list(parents)))
    standing = {row[0]: Standing._make(row) for row in rows}
    ended: dict[int, tuple[str, str]] = {end.seq: (end.id, end.state) for end in spoilers}
    losses = []
    for child, parent in parents.items():
        name, state = ended[parent]
        ended[child] = (standing[child].id, state)
        losses.append((standing[child], loss_by(name, state)))
    return (yield from end_unbegun(losses, account))


def first_parents(spoilers: Sequence[End], ties: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return for each job that is lost the parent that decides so: the one by which it is reached first."""
    children = defaultdict(list)
    for parent, child in ties:
        children[parent].append(child)
    found: dict[int, int] = {}
    front = deque(end.seq for end in spoilers)
    while front:
        parent = front.popleft()
        fresh = [child for child in children[parent] if child not in found]
        found.update(dict.fromkeys(fresh, parent))
        front.extend(fresh)
    return found


def loss_by(parent: str, state: str) -> Loss:
    """Return how a job ends that needs the success of one that ended so."""
    if state == JobState.FAILED:
        return Loss(JobState.FAILED, dump_failure(parent_failed(parent)), None)
    return Loss(JobState.CANCELLED, None, parent_cancelled(parent))


def count_down(ends: Sequence[End], account: Account) -> Talk[list[End]]:
    """Let go on who waited for no more than these ends; return those who ended because they are not needed."""
    if not ends:
        return []
    rows = yield from ask(statements("follow")["followers"], pack([(end.seq, end.state) for end in ends]))
    hopes = [Hope(Standing._make(row[:9]), *row[9:]) for row in rows]
    unneeded = [hope.job for hope in hopes if hope.hoped == 0 and not hope.has_failure]
    others = [hope for hope in hopes if hope.hoped != 0 or hope.has_failure]
    yield from wait(
        [(each.job.seq, each.missing, each.hoped, each.has_failure, each.delay) for each in others if each.missing]
    )
    yield from go_on([each for each in others if not each.missing], account)
    return (yield from end_unbegun([(job, UNNEEDED) for job in unneeded], account))


def wait(rows: Sequence[tuple[Value, ...]]) -> Talk[None]:
    """Note what jobs wait for."""
    yield from say_each(statements("follow")["wait"], rows)


def go_on(freed: Sequence[Hope], account: Account) -> Talk[None]:
    """Let waiting jobs be queued, or scheduled where it is not their time yet."""
    if not freed:
        return
    rows = [(each.job.seq, *begun(each, account.now)) for each in freed]
    yield from say(statements("follow")["go_on"], pack(rows), LAST)
    yield from say(statements("follow")["wait_no_more"], pack([each.job.seq for each in freed]))
    states = [row[1] for row in rows]
    note([each.job for each in freed], states, account)


def begun(freed: Hope, now: int) -> tuple[JobState, int | None]:
    """Return the state of a job that waits for no other any more, and its new time where it gets one."""
    run_at = None if not freed.delay else min(now + freed.delay, LAST)
    due_at = freed.run_at if run_at is None else run_at
    return JobState.QUEUED if due_at is None or due_at <= now else JobState.SCHEDULED, run_at


def end_unbegun(losses: Sequence[tuple[Standing, Loss]], account: Account) -> Talk[list[End]]:
    """End jobs that do not run, and return these ends: what follows from them is for the caller."""
    if not losses:
        return []
    rows = [(job.seq, how.state, kept_until(job, account.now), how.failure, how.reason) for job, how in losses]
    yield from say(statements("follow")["end"], pack(rows), account.now)
    waited = [job.seq for job, _ in losses if job.state == JobState.WAITING]
    if waited:
        yield from say(statements("follow")["wait_no_more"], pack(waited))
    note([job for job, _ in losses], [how.state for _, how in losses], account)
    return [End(job.seq, job.id, how.state, job.ties, job.followed) for job, how in losses]


def kept_until(job: Standing, now: int) -> int:
    """Return until when a job is kept that ends now."""
    try:
        keep = load_policy(job.policy).keep
    except ValueError:
        keep = KEEP
    return later(now, keep)


def note(jobs: Sequence[Standing], states: Sequence[JobState], account: Account) -> None:
    """Count jobs that are in other states now, and tell of them."""
    moves = Counter((job.state, state, job.task, job.queue) for job, state in zip(jobs, states, strict=True))
    for (was, state, task, queue), count in moves.items():
        account.count((was, task, queue), -count)
        account.count((state, task, queue), count)
        if state is JobState.QUEUED:
            account.tell(NoticeKind.QUEUED, queue=queue)
        elif not state.is_final:
            account.tell(NoticeKind.SCHEDULED)
    for job, state in zip(jobs, states, strict=True):
        if job.strand is not None:
            account.moved(job.strand, JobState(job.state), state)
    account.tell(NoticeKind.CHANGED, job_ids=[job.id for job in jobs])

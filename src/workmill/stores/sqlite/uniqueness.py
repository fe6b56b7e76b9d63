"""Which job was stored last under a name that is to be unique, and whether it is in the way of a new one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workmill.stores.sqlite.enqueueing import known
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.words.job import Job, JobState, NewJob
from workmill.words.ticks import later, ticks
from workmill.words.unique import Uniqueness

SlotName = tuple[str, str]
"""A task and a name that is to be unique for it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The job that was stored last under a name, and the running one whose end it was made to wait for."""

    job: Job
    behind: Job | None = None

    @property
    def jobs(self) -> list[Job]:
        """Return both, if there are."""
        return [self.job] if self.behind is None else [self.job, self.behind]

    def running(self) -> Job | None:
        """Return the job that runs under this name: the one, or the other."""
        return self.job if self.job.state is JobState.RUNNING else self.behind


def conflicts(job: Job, unique: Uniqueness, now: int) -> bool:
    """Whether a stored job is in the way of a new one."""
    if job.state not in unique.states:
        return False
    return unique.within is None or now < later(ticks(job.created_at), unique.within)


def names_of(news: Iterable[NewJob]) -> list[SlotName]:
    """Return the names that some new jobs are to be unique under."""
    return list(dict.fromkeys((new.task, new.unique.name) for new in news if new.unique is not None))


def holders_of(names: Sequence[SlotName]) -> Talk[dict[SlotName, Holder]]:
    """Return who holds some names.

    Raises:
        JobConflict: One cannot be read.
    """
    if not names:
        return {}
    rows = yield from ask(statements("unique")["slots"], pack(names))
    return {
        (task, name): Holder(known(holder), None if behind is None else known(behind))
        for task, name, holder, behind in rows
        if holder is not None
    }


def hold(holders: Sequence[tuple[NewJob, Holder]], places: Mapping[str, int]) -> Talk[None]:
    """Note who holds names now, all of them stored at these places."""
    rows = [
        (new.task, new.unique.name, places[held.job.id], None if held.behind is None else places[held.behind.id])
        for new, held in holders
        if new.unique is not None
    ]
    yield from say_each(statements("unique")["take"], rows)


def waits_for(job_id: str) -> Talk[list[str]]:
    """Return the ids of those whose end a job waits for."""
    found: list[str] = yield from ask(statements("unique")["waits_for"], job_id)
    return found


def forgotten(places: str) -> Talk[None]:
    """Let no name be held by jobs that are deleted."""
    for step in ("let_go", "forget", "forget_behind"):
        yield from say(statements("unique")[step], places)

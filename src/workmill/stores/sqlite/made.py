"""The jobs that schedules have made: which they are, and what follows for the schedule when one ends."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, say, say_each
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.ticks import LAST

Made = Sequence[tuple[str, int]]
"""The names of schedules, each with the place of one of its jobs in the order of storing."""


def note_made(jobs: Made, pending: Made) -> Talk[None]:
    """Note which jobs schedules have made, and which of them have not ended."""
    yield from say_each(statements("made")["make"], jobs)
    yield from say_each(statements("made")["expect"], pending)


def end_made(jobs: Made) -> Talk[None]:
    """Note that jobs of schedules have ended."""
    if jobs:
        yield from say(statements("made")["end"], pack(jobs))


def pause_loops(last_jobs: Sequence[str], account: Account) -> Talk[None]:
    """Let loops be due after their pause whose last job has just ended."""
    if last_jobs:
        version = yield from say(statements("made")["rise"])
        yield from say(statements("made")["pause"], pack(last_jobs), account.now, LAST, version)
        account.tell(NoticeKind.SCHEDULED)


def forget_made(jobs: Made, transaction: Transaction) -> None:
    """Forget that schedules have made some jobs."""
    if jobs:
        transaction.run(statements("made")["forget"], pack(jobs))

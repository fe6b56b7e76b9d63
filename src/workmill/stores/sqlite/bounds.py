"""Queues that may not hold more than so many jobs."""

from collections import Counter
from collections.abc import Sequence

from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask
from workmill.words.errors import QueueFull
from workmill.words.job import Job


def check(jobs: Sequence[Job], account: Account) -> Talk[None]:
    """Refuse new jobs, which are not counted yet, where a queue would hold too many of them.

    Raises:
        QueueFull: It would.
    """
    more = Counter(job.queue for job in jobs if not job.state.is_final)
    if not account.has_bounds or not more:
        return
    rows = yield from ask(statements("bound")["stored"], pack(list(more)))
    full = {queue: most for queue, most, stored in rows if stored + account.more_unbegun(queue) + more[queue] > most}
    for queue in more:
        if queue in full:
            raise QueueFull(queue, full[queue])

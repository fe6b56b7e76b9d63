"""Strands, the lines of jobs that pass the same gates, and what of them is written and told when jobs move."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.words.job import Job

StrandName = tuple[str, str, str]
"""Task, queue and gates of a strand, as they are stored."""


def strands_of(jobs: Sequence[Job]) -> Talk[dict[str, int]]:
    """Return the strands that new jobs stand in, by their ids, making those that are not there yet."""
    names = {job.id: name_of(job) for job in jobs if job.ties is not None and job.ties.gates}
    if not names:
        return {}
    wanted = list(dict.fromkeys(names.values()))
    known = yield from found(wanted)
    fresh = [name for name in wanted if name not in known]
    if fresh:
        sql, named = statements("strand"), pack(fresh)
        for step in ("make", "make_gates", "make_passes"):
            yield from say(sql[step], named)
        known |= yield from found(fresh)
    return {job_id: known[name] for job_id, name in names.items()}


def name_of(job: Job) -> StrandName:
    """Return the name of a job's strand. In which order the job names its gates makes no difference."""
    gates = () if job.ties is None else job.ties.gates
    return job.task, job.queue, pack(sorted((gate.name, gate.key) for gate in gates))


def found(names: Sequence[StrandName]) -> Talk[dict[StrandName, int]]:
    """Return those of some strands that are stored."""
    rows = yield from ask(statements("strand")["find"], pack(names))
    return {(task, queue, gates): strand for task, queue, gates, strand in rows}


def finished(account: Account) -> Talk[None]:
    """Write all that an account remembers, and find out what is left to tell, before the commit."""
    yield from say_each(statements("tally")["add"], account.counted())
    yield from written(account)
    yield from told(account)


def written(account: Account) -> Talk[None]:
    """Write what jobs that moved change of their strands and gates."""
    moves = account.moves()
    if not moves:
        return
    sql = statements("strand")
    yield from say(sql["look_again"], pack([strand for strand, _ in moves]))
    counted = [(strand, jobs) for strand, jobs in moves if jobs]
    if counted:
        yield from say(sql["count"], pack(counted))
    freed = [strand for strand, jobs in counted if jobs < 0]
    if freed:
        yield from say(sql["wake"], pack(freed))


def told(account: Account) -> Talk[None]:
    """Tell of the queues where jobs can begin because others have ceased to run; last of all, before the commit."""
    strands, names = account.room()
    if not strands and not names:
        return
    sql = statements("pass")
    queues: list[str] = []
    if strands:
        queues += yield from ask(sql["freed_gates"], pack(strands))
    if names:
        queues += yield from ask(sql["freed_lanes"], pack(names))
    for queue in dict.fromkeys(queues):
        account.tell(NoticeKind.QUEUED, queue=queue)


def forgotten(strands: Sequence[int]) -> Talk[None]:
    """Delete those of some strands that no job stands in any more, and gates that no strand passes any more."""
    if not strands:
        return
    sql, named = statements("strand"), pack(list(dict.fromkeys(strands)))
    for step in ("forget", "forget_gates", "forget_passes"):
        yield from say(sql[step], named)

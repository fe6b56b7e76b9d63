"""Strands, the lines of jobs that pass the same gates, and what of them is written and told when jobs move."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.words.job import Job

FIRST_WOKEN = 2
"""How many strands of a lane an open gate lets go at first."""

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
    sql, touched = statements("strand"), pack([strand for strand, _ in moves])
    yield from say(sql["look_again"], touched)
    counted = [(strand, jobs) for strand, jobs in moves if jobs]
    if counted:
        yield from say(sql["count"], pack(counted))
    yield from balance((yield from ask(sql["gates_of"], touched)), account)


def balance(gates: Sequence[int], account: Account) -> Talk[None]:
    """Let gates that are closed now hold all strands, and open ones let go the first of each lane, and some more.

    A gate that many strands pass is opened and closed all the time, so it never lets go of more than it needs to.
    """
    sql = statements("strand")
    closed: list[int] = yield from ask(sql["closed"], pack(gates))
    front = [gate for gate in gates if gate not in set(closed)]
    if closed:
        held = yield from ask(sql["free_behind"], pack(closed))
        yield from say(sql["hold"], pack(held))
        yield from say(sql["close"], pack(closed))
        # They may have been the free ones of other gates.
        others = yield from ask(sql["gates_of"], pack([strand for strand, _ in held]))
        front += yield from ask(sql["ajar"], pack(others))
    yield from wake(front, account)


def wake(gates: Sequence[int], account: Account) -> Talk[None]:
    """Let open gates let go the first of the strands that they hold, those that no other gate holds."""
    sql, width = statements("strand"), FIRST_WOKEN
    while gates:
        yield from say(sql["open"], pack(gates))
        gates = yield from ask(sql["ajar"], pack(gates))
        woken: list[int] = (yield from ask(sql["next"], pack(gates), width)) if gates else []
        if not woken:
            return
        yield from say(sql["free"], pack(woken))
        account.woke(woken)
        blocked = yield from ask(sql["blocked"], pack(woken))
        if not blocked:
            return
        yield from say(sql["hold"], pack(blocked))
        width *= 4


def told(account: Account) -> Talk[None]:
    """Tell of the queues where jobs can begin because others have ceased to run; last of all, before the commit."""
    strands, names = account.room()
    queues: list[str] = []
    if strands:
        queues += yield from ask(statements("strand")["queues"], pack(strands))
    if names:
        queues += yield from ask(statements("pass")["freed_lanes"], pack(names))
    for queue in dict.fromkeys(queues):
        account.tell(NoticeKind.QUEUED, queue=queue)


def forgotten(strands: Sequence[int]) -> Talk[None]:
    """Delete those of some strands that no job stands in any more, and gates that no strand passes any more."""
    if not strands:
        return
    sql, named = statements("strand"), pack(list(dict.fromkeys(strands)))
    for step in ("forget", "forget_gates", "forget_passes"):
        yield from say(sql[step], named)

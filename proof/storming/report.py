"""What a storm shows: how much happened, how fast it was mended, and what was broken for good."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from proof.checking.faulting import STALL, Faults, clock_offset
from proof.checking.overlapping import overlaps
from proof.checking.recovering import late, recoveries
from proof.checking.verdict import check
from proof.checking.violation import Violation
from proof.histories.dump import Dump, load_dump
from proof.histories.entry import Op, Phase
from proof.histories.history import History, read_history
from proof.storming.settings import DUMP, HISTORY, load_settings
from workmill.words.job import Ending

SHOWN = 20


def show(folder: Path) -> int:
    """Check a kept storm and print what came of it; answer 1 where something is broken."""
    settings, history, dump = load_settings(folder), read_history(folder / HISTORY), load_dump(folder / DUMP)
    faults = Faults(history, tail=settings.tail, offset=clock_offset(history, dump))
    measured = recoveries(history, dump, faults)
    found = [*check(history, dump, faults), *late(measured, settings.bound)]
    print(f"{settings.store}, seed {settings.seed}, {settings.seconds:g} s, {settings.workers} workers")
    for line in (*_numbers(history, dump), *_of_faults(history)):
        print(line)
    print(f"\nfault                jobs  p50 s  p99 s  max s   until the next start, within {settings.bound:g} s (G6)")
    for each in measured:
        times = "  ".join(f"{seconds:5.2f}" for seconds in (each.at(0.5), each.at(0.99), each.seconds[-1]))
        print(f"{each.fault:20} {len(each.seconds):4}  {times}")
    _show_violations(found)
    faults_named = "".join(f" --fault {kind!r}" for kind in settings.only)
    faults_named += " --rules" if settings.rules else ""
    again = f"--store {settings.store} --seconds {settings.seconds:g} --seed {settings.seed}{faults_named}"
    print(f"again: ./run proof chaos {again}")
    print(f"check: ./run proof check {folder}")
    return 1 if found else 0


def _numbers(history: History, dump: Dump) -> Iterator[str]:
    phases = Counter(entry.phase for entry in history.of(Op.ENQUEUE))
    states = Counter(str(job.state) for job in dump.jobs)
    endings = Counter(attempt.ending for job in dump.jobs for attempt in job.attempts)
    crossing = sum(len(overlaps(history, job)) for job in dump.jobs)
    yield f"enqueues   {phases[Phase.OK]} accepted, {phases[Phase.UNKNOWN]} without an answer"
    yield f"jobs       {len(dump.jobs)}: {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}"
    yield f"attempts   {', '.join(f'{endings[ending]} {ending}' for ending in Ending if endings[ending])}"
    yield f"code       {len(history.of(Op.START))} starts, {crossing} overlaps, each beside a fault or listed below"
    yield f"clients    {len(history.of(Op.READ))} reads, {len(history.of(Op.CANCEL)) // 2} cancels"
    yield f"writes     {len(history.of(Op.SETTLED))} ends accepted, {len(history.of(Op.REFUSED))} stale writes refused"


def _of_faults(history: History) -> Iterator[str]:
    kinds = Counter({(entry.kind, entry.at): 1 for entry in history.of(Op.FAULT)}.keys())
    counted = Counter(kind for kind, _ in kinds if kind != STALL)
    yield f"faults     {', '.join(f'{count} {kind}' for kind, count in sorted(counted.items()))}"


def _show_violations(found: list[Violation]) -> None:
    for violation in found[:SHOWN]:
        print(f"BROKEN {violation}")
    if len(found) > SHOWN:
        print(f"BROKEN and {len(found) - SHOWN} more")
    lost = sum(violation.invariant.startswith("I1 ") for violation in found)
    doubled = sum(violation.invariant.startswith("I7 ") for violation in found)
    stale = sum(violation.invariant.startswith("I5 ") for violation in found)
    print(f"\n{lost} lost, {doubled} double finals, {stale} stale writes accepted, {len(found)} violations in all")

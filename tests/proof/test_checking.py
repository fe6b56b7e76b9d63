"""The checker, on histories made by hand: a whole one is clean, and each spoiled one shows what is broken."""

from dataclasses import replace

from proof.checking.faulting import Faults
from proof.checking.recovering import late, recoveries
from proof.histories.dump import Dump
from proof.histories.entry import Entry, Op, Phase
from proof.histories.history import History
from tests.proof.made import (
    JOB,
    WORKER,
    attempt,
    entries,
    found,
    job,
    read,
    returned,
    settled,
    start,
)
from workmill.words.job import Ending, JobState

KILL = Entry(op=Op.FAULT, at=3.5, kind="kill", scope=WORKER)


def without(op: Op) -> list[Entry]:
    return [entry for entry in entries() if entry.op is not op]


def interrupted() -> list[Entry]:
    """Give a history in which the first attempt was interrupted by a kill and the second succeeded."""
    kept = [entry for entry in entries() if entry.op not in {Op.END, Op.SETTLED, Op.READ}]
    return [*kept, start(2, at=9.0), returned(2, at=10.0), settled(2, at=11.0)]


def test_whole_history_is_clean() -> None:
    assert not found(entries())


def test_interrupted_attempt_is_clean_where_a_fault_explains_it() -> None:
    assert not found([*interrupted(), KILL], job(attempt(1, ending=Ending.INTERRUPTED), attempt(2), token=2))


def test_interrupted_attempt_without_a_fault_is_found() -> None:
    assert found(interrupted(), job(attempt(1, ending=Ending.INTERRUPTED), attempt(2))) == {"I4"}


def test_fault_of_another_worker_explains_nothing() -> None:
    elsewhere = replace(KILL, scope="w2")

    assert found([*interrupted(), elsewhere], job(attempt(1, ending=Ending.INTERRUPTED), attempt(2))) == {"I4"}


def test_lost_job_is_found() -> None:
    assert found(entries(), job(id="another"), counts=()) >= {"I1", "I2"}


def test_job_that_is_not_final_is_found() -> None:
    assert "I1" in found(entries(), job(state=JobState.RUNNING, attempts=(), result=""))


def test_vanished_job_is_found_unless_it_may_vanish_after_its_end() -> None:
    may = [replace(entry, can_vanish=entry.op is Op.ENQUEUE) for entry in entries()]
    queued = [replace(entry, can_vanish=True) for entry in entries() if entry.op is Op.ENQUEUE]
    other = job(id="j2")
    there = [
        Entry(op=Op.ENQUEUE, phase=Phase.INTENT, job="j2", sha="args"),
        *(replace(entry, job="j2") for entry in (returned(1, at=4.0),)),
    ]

    assert not found([*may, *there], other)
    assert found([*queued, *there], other) == {"I1"}


def test_refused_enqueue_that_is_stored_is_found() -> None:
    refused = [replace(entry, phase=Phase.FAIL) if entry.phase is Phase.OK else entry for entry in entries()]

    assert found(refused) == {"I2"}


def test_part_of_a_batch_is_found() -> None:
    batch = [replace(entry, batch="b") if entry.phase is Phase.INTENT else entry for entry in entries()]
    missing = Entry(op=Op.ENQUEUE, phase=Phase.INTENT, job="j2", sha="args", batch="b")

    assert found([*batch, missing]) == {"I1"}


def test_changed_arguments_are_found() -> None:
    assert found(entries(), job(sha="others")) == {"I20"}


def test_code_with_arguments_that_nobody_sent_is_found() -> None:
    said = [replace(entry, sha="others") if entry.op is Op.START else entry for entry in entries()]

    assert found(said) == {"I2"}


def test_two_jobs_of_one_key_are_found() -> None:
    second = [replace(entry, job="j2", key="k") for entry in entries() if entry.op is not Op.READ]
    first = [replace(entry, key="k") if entry.op is Op.ENQUEUE else entry for entry in entries()]

    assert found([*first, *second], job(key="k"), job(id="j2", key="k")) == {"I11"}


def test_counts_that_differ_are_found() -> None:
    assert found(entries(), counts=(("default", "quick", "succeeded", 2),)) == {"I19"}


def test_claim_without_an_end_is_found() -> None:
    assert "I3" in found(entries(), job(token=2))


def test_code_that_began_twice_under_one_token_is_found() -> None:
    assert found([*entries(), start(1, at=3.2)]) == {"I3"}


def test_overlapping_leases_are_found() -> None:
    early = replace(attempt(2), started_at=112.0)

    assert found([*interrupted(), KILL], job(attempt(1, ending=Ending.INTERRUPTED), early)) == {"I4"}


def test_attempt_after_a_final_one_is_found() -> None:
    assert "I7" in found([*interrupted(), KILL], job(attempt(1), attempt(2)))


def test_accepted_end_that_is_not_stored_is_found() -> None:
    stale = settled(1, at=12.0)

    assert found([*interrupted(), KILL, stale], job(attempt(1, ending=Ending.INTERRUPTED), attempt(2))) >= {"I5", "I7"}


def test_success_whose_code_never_returned_is_found() -> None:
    assert found(without(Op.END)) == {"I5"}


def test_result_of_another_claim_is_found() -> None:
    assert found(entries(), job(result="others")) >= {"I20"}


def test_late_progress_is_found() -> None:
    said = Entry(op=Op.PROGRESS, at=3.5, job=JOB, token=1, kind="half")

    assert found([*entries(), said], job(progress="stale")) == {"I5"}
    assert not found([*entries(), said], job(progress="half"))


def test_uncounted_death_and_counted_return_are_found() -> None:
    deaths = job(attempt(1, ending=Ending.INTERRUPTED), attempt(2), attempt=1)
    given_back = job(attempt(1, ending=Ending.RETURNED), attempt(2, number=1), attempt=2)

    assert found([*interrupted(), KILL], deaths) == {"I8"}
    assert found([*interrupted(), KILL], given_back) == {"I8"}


def test_more_failures_than_allowed_are_found() -> None:
    failures = job(attempt(1, ending=Ending.FAILED), attempt(2, ending=Ending.FAILED), state=JobState.FAILED, result="")

    assert "I8" in found([*interrupted()[:-2]], failures)


def test_state_that_does_not_follow_from_the_last_attempt_is_found() -> None:
    assert "I9" in found(without(Op.READ), job(state=JobState.CANCELLED, result=""))


def test_overlap_of_code_is_found_unless_a_fault_explains_it() -> None:
    beat = Entry(op=Op.BEAT, at=9.5, job=JOB, token=1)
    tried = job(attempt(1, ending=Ending.FAILED), attempt(2), max_attempts=2)
    frozen = Entry(op=Op.FAULT, at=3.5, until=9.0, kind="freeze", scope=WORKER)

    assert found([*interrupted(), beat], tried) == {"I6"}
    assert not found([*interrupted(), beat, frozen], tried)


def test_start_after_an_accepted_cancel_is_found() -> None:
    cancel = Entry(op=Op.CANCEL, at=2.5, phase=Phase.OK, job=JOB, state="cancelled")

    assert found([*entries(), cancel]) == {"I16"}
    assert not found([*entries(), replace(cancel, at=3.5, token=1, state="running")])


def test_code_that_goes_on_after_its_cancel_is_found() -> None:
    cancel = Entry(op=Op.CANCEL, at=3.5, phase=Phase.OK, job=JOB, state="running", token=1)
    beat = Entry(op=Op.BEAT, at=20.0, job=JOB, token=1)

    assert found([*entries(), cancel, beat]) == {"I16"}
    assert not found([*entries(), cancel, replace(beat, at=9.0)])
    assert not found([*entries(), cancel, beat, replace(KILL, at=10.0)])


def test_ending_a_worker_explains_what_it_gave_back_and_no_death() -> None:
    ended = replace(KILL, kind="end worker")
    given_back = job(attempt(1, ending=Ending.RETURNED), attempt(2), attempt=1)

    assert found([*interrupted(), ended], job(attempt(1, ending=Ending.INTERRUPTED), attempt(2))) == {"I4"}
    assert not found([*interrupted(), ended], given_back)


def test_accepted_job_that_a_later_read_does_not_find_is_found() -> None:
    assert found([*entries(), read(at=7.0, found=False)]) == {"I17"}


def test_versions_that_go_back_are_found() -> None:
    assert found([*entries(), read(at=8.0, version=2)]) == {"I17"}


def test_final_state_that_changes_is_found() -> None:
    assert found([*entries(), read(at=8.0, version=4, state="failed")]) == {"I7"}


def test_process_that_ended_by_itself_is_found() -> None:
    killed, failed, ended = (Entry(op=Op.GONE, at=9.0, scope="10", kind=code) for code in ("-9", "1", "-15"))

    assert not found([*entries(), killed])
    assert found([*entries(), failed]) == {"G11"}
    assert found([*entries(), ended]) == {"G11"}
    assert not found([*entries(), replace(ended, scope="12")])


def test_recovery_from_a_gentle_fault_is_measured_from_the_end_of_what_it_let_run_on() -> None:
    gentle = replace(KILL, kind="restart engines")
    given_back = Entry(op=Op.END, at=8.0, pid=11, job=JOB, token=1, kind="raised")
    history = History([*interrupted(), gentle, given_back])
    dump = Dump(jobs=(job(attempt(1, ending=Ending.RETURNED), attempt(2)),), counts=())

    measured = recoveries(history, dump, Faults(history, tail=0.0))

    assert [(each.fault, each.seconds) for each in measured] == [("restart engines", (1.0,))]


def test_recovery_is_measured_from_the_fault_and_held_against_a_bound() -> None:
    history = History([*interrupted(), KILL])
    dump = Dump(jobs=(job(attempt(1, ending=Ending.INTERRUPTED), attempt(2)),), counts=())

    measured = recoveries(history, dump, Faults(history, tail=0.0))

    assert [(each.fault, each.seconds) for each in measured] == [("kill", (5.5,))]
    outage = Entry(op=Op.FAULT, at=4.0, until=8.0, kind="kill server", scope="store")
    both = History([*interrupted(), KILL, outage])
    assert [each.seconds for each in recoveries(both, dump, Faults(both, tail=0.0))] == [(1.0,)]
    assert not list(late(measured, 6.0))
    assert [violation.invariant for violation in late(measured, 5.0)] == ["I18 time"]

"""Some of the planted bugs, each caught where it shows at once; `./run proof mutants` plants them all."""

import pytest

from proof.crashing.databases import RedisRoom
from proof.planted import rooms, rules, scripts, works
from proof.planted.catching import BUGS, catch
from proof.planted.rooms import Bug


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "invariant"),
    [
        (rooms.settle_without_token, "I5"),
        (rooms.report_without_token, "I5"),
        (rooms.live_jobs_pruned, "I1"),
        (works.rescue_without_token, "I4"),
        (works.lost_claim_not_adopted, "G2"),
        (rules.unique_checked_then_stored, "I11"),
        (rules.one_too_many_begins, "I12"),
        (rules.rate_in_fixed_windows, "I13"),
        (rules.tick_fired_twice, "I14"),
        (rules.waiting_parent_not_waited_for, "I15"),
    ],
)
def test_planted_bug_is_caught(bug: Bug, invariant: str) -> None:
    caught = catch(bug)

    assert caught is not None
    assert caught.violation.invariant.startswith(invariant)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "invariant"),
    [
        (scripts.settle_without_token, "I5"),
        (scripts.key_forgotten, "I11"),
        (scripts.one_too_many_begins, "I12"),
        (scripts.slot_of_an_ended_attempt_leaks, "I19"),
    ],
)
def test_bug_planted_in_a_script_is_caught(bug: Bug, invariant: str, redis: str) -> None:
    caught = catch(bug, RedisRoom(redis))

    assert caught is not None
    assert caught.violation.invariant.startswith(invariant)


def test_there_are_a_dozen_bugs_and_more() -> None:
    assert len({bug.__name__ for bug in BUGS}) == len(BUGS) >= 12

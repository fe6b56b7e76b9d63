"""What a schedule does when it is due, by the rule for ticks that were missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workmill import Cron, Every, Loop, Missed, Policy, Schedule, When
from workmill.craft.ticking import MOST_AT_ONCE, tick_by_hand, tick_of
from workmill.words.limit import Gate
from workmill.words.schedule import Overlap, Plan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def schedule(when: When, next_at: datetime | None, missed: Missed = Missed.ONCE) -> Schedule:
    plan = Plan(
        name="s",
        when=when.text,
        pause=when.pause,
        task="t",
        queue="q",
        priority=3,
        args=b'{"a":1}',
        policy=Policy(max_attempts=2),
        gates=(Gate(name="g", key="k"),),
        overlap=Overlap.SKIP,
        missed=missed,
    )
    return Schedule(
        plan=plan,
        is_declared=False,
        is_active=True,
        next_at=next_at,
        last_at=None,
        last_job=None,
        version=7,
        created_at=NOW,
        changed_at=NOW,
    )


def test_a_tick_in_time_makes_the_plans_job_and_says_when_the_next_is() -> None:
    tick = tick_of(schedule(Every(60), NOW), Every(60), NOW + timedelta(milliseconds=3))

    (job,) = tick.jobs
    assert (tick.schedule, tick.version, tick.at, tick.next_at) == ("s", 7, NOW, NOW + MINUTE)
    assert (job.task, job.queue, job.priority, job.args, job.policy.max_attempts) == ("t", "q", 3, b'{"a":1}', 2)
    assert job.ties is not None
    assert (job.ties.schedule, job.ties.tick, job.ties.gates) == ("s", NOW, (Gate(name="g", key="k"),))


@pytest.mark.parametrize("when", [Every(60), Cron("* * * * *")])
@pytest.mark.parametrize(
    ("missed", "moments"),
    [
        (Missed.ONCE, [3]),
        (Missed.SKIP, [3]),  # the last is not late
        (Missed.ALL, [0, 1, 2, 3]),
    ],
)
def test_of_several_ticks_that_have_come_the_rule_says_which_make_jobs(
    when: When, missed: Missed, moments: list[int]
) -> None:
    tick = tick_of(schedule(when, NOW, missed), when, NOW + 3.5 * MINUTE)

    assert [job.ties.tick for job in tick.jobs if job.ties] == [NOW + each * MINUTE for each in moments]
    assert (tick.at, tick.next_at) == (NOW + 3 * MINUTE, NOW + 4 * MINUTE)


@pytest.mark.parametrize(("missed", "jobs"), [(Missed.ONCE, 1), (Missed.SKIP, 0), (Missed.ALL, 3)])
def test_of_ticks_that_are_all_late_skip_makes_none(missed: Missed, jobs: int) -> None:
    when = Cron("0 * * * *")

    tick = tick_of(schedule(when, NOW, missed), when, NOW + 130 * MINUTE)

    assert len(tick.jobs) == jobs
    assert (tick.at, tick.next_at) == (NOW + 120 * MINUTE, NOW + 180 * MINUTE)


def test_many_missed_ticks_are_made_up_for_in_turns() -> None:
    due, now = schedule(Every(1), NOW, Missed.ALL), NOW + timedelta(days=3650)

    tick = tick_of(due, Every(1), now)
    again = tick_of(replace(due, next_at=tick.next_at), Every(1), now)

    assert len(tick.jobs) == len(again.jobs) == MOST_AT_ONCE
    assert again.jobs[0].ties is not None
    assert again.jobs[0].ties.tick == NOW + timedelta(seconds=MOST_AT_ONCE)
    assert len({job.id for job in tick.jobs + again.jobs}) == 2 * MOST_AT_ONCE


@pytest.mark.parametrize("missed", list(Missed))
def test_no_round_of_a_loop_is_missed(missed: Missed) -> None:
    tick = tick_of(schedule(Loop(5), NOW, missed), Loop(5), NOW + timedelta(days=3))

    assert (len(tick.jobs), tick.at, tick.next_at) == (1, NOW, None)


def test_a_schedule_that_is_not_due_has_no_tick() -> None:
    for next_at in (None, NOW + MINUTE):
        with pytest.raises(ValueError, match="is not due"):
            tick_of(schedule(Every(60), next_at), Every(60), NOW)


def test_a_tick_by_hand_has_no_version() -> None:
    tick = tick_by_hand(schedule(Every(60), None).plan, NOW)

    assert (tick.version, tick.at, len(tick.jobs), tick.next_at) == (None, NOW, 1, None)

"""The checker of rules over work, on histories made by hand: a right one is clean, each spoiled one is found."""

from dataclasses import replace

import pytest

from proof.checking.following import following
from proof.checking.limiting import limiting
from proof.checking.standing import standing
from proof.checking.stretching import depth
from proof.checking.ticking import ticking
from proof.histories.dump import Dump, Held, Kept, Planned, Tried
from proof.histories.entry import Entry, Op, Phase
from proof.histories.history import History
from tests.proof.made import job
from workmill.words.job import Ending, JobState


def ran(id: str, began: float, ended: float, **changes: object) -> Kept:
    """Make a job whose one attempt ran from one moment to another, by the store's time."""
    tried = Tried(number=1, token=1, worker="w1", started_at=began, ended_at=ended, ending=Ending.SUCCEEDED)
    return replace(job(tried, id=id, created_at=began, finished_at=ended), **changes)  # type: ignore[arg-type] # fields of it


def code(id: str, began: float, ended: float) -> list[Entry]:
    return [Entry(op=Op.START, at=began, job=id, token=1), Entry(op=Op.END, at=ended, job=id, token=1, kind="returned")]


def dump(*jobs: Kept, rule: Held | None = None, schedule: Planned | None = None) -> Dump:
    return Dump(jobs=jobs, counts=(), rules=(rule,) if rule else (), schedules=(schedule,) if schedule else ())


def test_depth_is_of_what_lies_over_one_another() -> None:
    assert depth([]) == (0, 0.0)
    assert depth([(1, 2), (2, 3), (3, 3), (3, 4)])[0] == 1
    assert depth([(1, 5), (2, 4), (3, 6), (5, 7)]) == (3, 3)


@pytest.mark.parametrize(
    "rule", [Held(scope="task", name="quick", limit=1), Held(scope="queue", name="default", limit=1)]
)
def test_one_too_many_is_found_by_the_store_s_times(rule: Held) -> None:
    right, wrong = (ran("a", 1, 3), ran("b", 3, 4)), (ran("a", 1, 3), ran("b", 2.9, 4))

    assert not list(limiting(History([]), dump(*right, rule=rule)))
    assert [one.invariant for one in limiting(History([]), dump(*wrong, rule=rule))] == ["I12 limits"]


def test_keys_are_counted_by_themselves() -> None:
    rule = Held(scope="key", name="tenant", limit=1)
    one, other = ran("a", 1, 3, gates=(("tenant", "x"),)), ran("b", 2, 4, gates=(("tenant", "y"),))
    third = ran("c", 2, 4, gates=(("region", "x"), ("tenant", "x")))

    assert not list(limiting(History([]), dump(one, other, ran("d", 2, 3), rule=rule)))
    assert [one.invariant for one in limiting(History([]), dump(one, third, rule=rule))] == ["I12 limits"]


def test_one_too_many_is_found_by_what_their_code_says() -> None:
    rule, jobs = Held(scope="task", name="quick", limit=1), (ran("a", 1, 1), ran("b", 1, 1))
    right, wrong = code("a", 5, 6) + code("b", 6, 7), code("a", 5, 6) + code("b", 5.5, 7)

    assert not list(limiting(History(right), dump(*jobs, rule=rule)))
    assert [one.invariant for one in limiting(History(wrong), dump(*jobs, rule=rule))] == ["I12 limits"]


def test_code_of_an_attempt_that_was_taken_away_may_go_on() -> None:
    rule, frozen = Held(scope="task", name="quick", limit=1), ran("a", 1, 1)
    taken = replace(frozen, attempts=(replace(frozen.attempts[0], ending=Ending.INTERRUPTED),))

    assert not list(limiting(History(code("a", 5, 9) + code("b", 6, 7)), dump(taken, ran("b", 1, 1), rule=rule)))


def test_slot_that_leaked_is_found() -> None:
    leaked = Held(scope="task", name="quick", limit=3, running=1)

    assert [one.invariant for one in limiting(History([]), dump(ran("a", 1, 2), rule=leaked))] == ["I12 limits"]


def test_rate_holds_in_any_stretch() -> None:
    rule = Held(scope="task", name="quick", count=2, seconds=5)
    right, wrong = (ran("a", 1, 1), ran("b", 4, 4), ran("c", 6, 6)), (ran("a", 1, 1), ran("b", 4, 4), ran("c", 5.9, 6))

    assert not list(limiting(History([]), dump(*right, rule=rule)))
    assert [one.invariant for one in limiting(History([]), dump(*wrong, rule=rule))] == ["I13 rates"]


def enqueued(id: str, at: float, unique: str = "quick one") -> list[Entry]:
    return [
        Entry(op=Op.ENQUEUE, at=at - 0.5, phase=Phase.INTENT, job=id, unique=unique),
        Entry(op=Op.ENQUEUE, at=at, phase=Phase.OK, job=id),
    ]


def test_two_of_one_name_at_a_time_are_found() -> None:
    said = enqueued("a", 1) + enqueued("b", 2)
    apart, beside = (ran("a", 1, 2), ran("b", 2, 3)), (ran("a", 1, 2), ran("b", 1.5, 3))

    assert not list(standing(History(said), dump(*apart)))
    assert not list(standing(History(enqueued("a", 1) + enqueued("b", 2, "quick two")), dump(*beside)))
    assert [one.invariant for one in standing(History(said), dump(*beside))] == ["I11 unique"]


def test_two_of_one_name_at_a_time_are_found_by_what_was_said() -> None:
    jobs = ran("a", 1, 1), ran("b", 1, 1)
    right = [*enqueued("a", 1), *code("a", 2, 3), *enqueued("b", 4), *code("b", 5, 6)]
    wrong = [*enqueued("a", 1), *code("a", 2, 5), *enqueued("b", 4), *code("b", 5, 6)]

    assert not list(standing(History(right), dump(*jobs)))
    assert [one.invariant for one in standing(History(wrong), dump(*jobs))] == ["I11 unique"]


def made(id: str, began: float, ended: float, tick: float) -> Kept:
    return ran(id, began, ended, schedule="nightly", tick=tick)


def test_tick_with_two_jobs_is_found() -> None:
    assert not list(ticking(dump(made("a", 1, 2, 1), made("b", 3, 4, 3), ran("c", 1, 2), ran("d", 1, 2))))
    assert [one.invariant for one in ticking(dump(made("a", 1, 2, 1), made("b", 3, 4, 1)))] == ["I14 ticks"]


def test_rounds_beside_each_other_and_too_early_are_found() -> None:
    loop = Planned(name="nightly", overlap="skip", pause=1.0, is_active=True, has_next=True)
    right, early = (made("a", 1, 2, 1), made("b", 3, 4, 3)), (made("a", 1, 2, 1), made("b", 2.5, 4, 3))
    beside = (made("a", 1, 2, 1), made("b", 1.5, 4, 3))

    assert not list(ticking(dump(*right, schedule=loop)))
    assert len(list(ticking(dump(*early, schedule=loop)))) == 1
    assert len(list(ticking(dump(*beside, schedule=loop)))) == 2


def test_forgotten_loop_is_found() -> None:
    forgotten = Planned(name="nightly", overlap="skip", pause=1.0, is_active=True)

    assert [one.invariant for one in ticking(dump(made("a", 1, 2, 1), schedule=forgotten))] == ["I14 ticks"]
    assert not list(ticking(dump(made("a", 1, 2, 1), schedule=replace(forgotten, is_active=False))))


def child(began: float, *, needs: str = "success", **changes: object) -> Kept:
    return replace(ran("c", began, began + 1, parents=("a", "b"), needs=needs), **changes)  # type: ignore[arg-type] # likewise


def test_follower_that_comes_too_early_is_found() -> None:
    parents = ran("a", 1, 2), ran("b", 1, 4)

    assert not list(following(History([]), dump(*parents, child(4))))
    assert [one.invariant for one in following(History([]), dump(*parents, child(3)))] == ["I15 dependencies"]


def test_follower_whose_code_comes_too_early_is_found() -> None:
    jobs = ran("a", 1, 1), ran("b", 1, 1), child(1)
    right = [*code("a", 2, 3), *code("b", 2, 4), *code("c", 5, 6)]
    wrong = [*code("a", 2, 3), *code("b", 2, 5.5), *code("c", 5, 6)]

    assert not list(following(History(right), dump(*jobs)))
    assert len(list(following(History(wrong), dump(*jobs)))) == 1


@pytest.mark.parametrize(
    ("needs", "states", "is_right"),
    [
        ("success", ("succeeded", "succeeded"), True),
        ("success", ("succeeded", "failed"), False),
        ("failure", ("succeeded", "failed"), True),
        ("failure", ("succeeded", "cancelled"), False),
        ("end", ("cancelled", "failed"), True),
    ],
)
def test_follower_runs_where_its_need_is_met_and_only_there(
    needs: str,
    states: tuple[str, str],
    is_right: bool,  # noqa: FBT001 - a case
) -> None:
    parents = [ran(id, 1, 2, state=JobState(state)) for id, state in zip("ab", states, strict=True)]
    unbegun = child(2, needs=needs, attempts=(), state=JobState.CANCELLED)

    assert (not list(following(History([]), dump(*parents, child(2, needs=needs))))) == is_right
    assert (not list(following(History([]), dump(*parents, unbegun)))) != is_right

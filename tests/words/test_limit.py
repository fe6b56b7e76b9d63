from datetime import timedelta

import pytest

from workmill.words.errors import InvalidOption
from workmill.words.limit import Rate, Rule, Scope


@pytest.mark.parametrize("per", [60, 60.0, timedelta(minutes=1)])
def test_rate_is_so_many_in_a_length_of_time(per: timedelta | float) -> None:
    rate = Rate(10, per)

    assert (rate.count, rate.per) == (10, timedelta(minutes=1))
    assert rate == Rate(10, per=60)


@pytest.mark.parametrize("count", [0, -1, 1.5, "10", None, True])
def test_rate_of_no_whole_number_is_refused(count: int) -> None:
    with pytest.raises(InvalidOption, match=r"rate\.count.*whole number, 1 or more"):
        Rate(count, 60)


@pytest.mark.parametrize("per", [0, timedelta(0)])
def test_rate_in_no_time_is_refused(per: timedelta | float) -> None:
    with pytest.raises(InvalidOption, match=r"rate\.per.*more than 0 seconds"):
        Rate(1, per)


@pytest.mark.parametrize("per", [-1, "60", None, float("nan"), 1e300])
def test_rate_in_what_is_no_length_of_time_is_refused(per: float) -> None:
    with pytest.raises(InvalidOption, match=r"rate\.per"):
        Rate(1, per)


def test_a_rule_may_say_nothing() -> None:
    silent = Rule(scope=Scope.TASK, name="mail")

    assert not silent.says
    assert all(
        rule.says
        for rule in (
            Rule(scope=Scope.TASK, name="mail", running=0),
            Rule(scope=Scope.TASK, name="mail", rate=Rate(1, per=1)),
            Rule(scope=Scope.QUEUE, name="mail", waiting=0),
        )
    )

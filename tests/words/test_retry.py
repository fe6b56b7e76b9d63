from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmill.words.errors import InvalidOption
from workmill.words.retry import Backoff, Retry

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (11, 1024)])
def test_delay_grows_by_its_factor(failures: int, seconds: float) -> None:
    assert Backoff(jitter=0).delay(failures, chance=0.9) == timedelta(seconds=seconds)


def test_delay_stops_growing_at_the_longest() -> None:
    assert Backoff(jitter=0).delay(13, chance=0.5) == HOUR


@pytest.mark.parametrize("failures", [2000, 10**9])
def test_delay_of_very_many_failures_is_the_longest(failures: int) -> None:
    assert Backoff().delay(failures, chance=0.0) == HOUR


def test_no_delay_stays_none_after_very_many_failures() -> None:
    assert Backoff(first=timedelta(0)).delay(10**6, chance=0.5) == timedelta(0)


def test_longest_delay_there_is_can_be_asked_for() -> None:
    endless = Backoff(first=timedelta.max, most=timedelta.max, jitter=1.0)

    assert endless.delay(2, chance=0.999) <= timedelta.max


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 8.0), (0.5, 10.0), (0.75, 11.0)])
def test_jitter_spreads_both_ways(chance: float, seconds: float) -> None:
    assert Backoff(first=timedelta(seconds=10)).delay(1, chance=chance) == timedelta(seconds=seconds)


def test_jitter_spreads_the_longest_delay_too() -> None:
    delays = {Backoff().delay(50, chance=part / 10) for part in range(10)}

    assert len(delays) == 10
    assert max(delays) <= HOUR


@given(
    st.builds(
        Backoff,
        first=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)),
        most=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)),
        factor=st.floats(1, 1e300),
        jitter=st.floats(0, 1),
    ),
    st.integers(1, 10**6),
    st.floats(0, 1, exclude_max=True),
)
def test_delay_is_never_negative_nor_above_the_longest(backoff: Backoff, failures: int, chance: float) -> None:
    assert timedelta(0) <= backoff.delay(failures, chance=chance) <= backoff.most


def test_retry_reads_numbers_as_seconds() -> None:
    retry = Retry(5, first=2, factor=3, most=HOUR, jitter=0.5, after=1.5)

    assert retry.times == 5
    assert retry.after == timedelta(seconds=1.5)
    assert retry.backoff == Backoff(first=timedelta(seconds=2), factor=3, most=HOUR, jitter=0.5)


def test_plain_retry_has_the_plain_backoff() -> None:
    retry = Retry()

    assert (retry.times, retry.after, retry.backoff, retry.on) == (3, None, Backoff(), (Exception,))


def test_one_exception_is_a_tuple_of_one() -> None:
    assert Retry(on=OSError).on == (OSError,)
    assert Retry(on=(OSError, ValueError)).on == (OSError, ValueError)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"times": -1}, "retry.times"),
        ({"times": 1.5}, "retry.times"),
        ({"times": "3"}, "retry.times"),
        ({"factor": 0.5}, "retry.factor"),
        ({"factor": float("nan")}, "retry.factor"),
        ({"factor": "2"}, "retry.factor"),
        ({"jitter": 1.1}, "retry.jitter"),
        ({"jitter": -0.1}, "retry.jitter"),
        ({"jitter": None}, "retry.jitter"),
        ({"first": -1}, "retry.first"),
        ({"first": float("nan")}, "retry.first"),
        ({"most": 1e300}, "retry.most"),
        ({"most": "1h"}, "retry.most"),
        ({"after": timedelta(seconds=-1)}, "retry.after"),
        ({"on": "ValueError"}, "retry.on"),
        ({"on": (ValueError, 1)}, "retry.on"),
        ({"on": KeyboardInterrupt}, "retry.on"),
    ],
    ids=str,
)
def test_option_out_of_range_is_refused_by_name(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        Retry(**options)  # type: ignore[arg-type] - wrong on purpose

    assert refused.value.option == named
    assert named in str(refused.value)

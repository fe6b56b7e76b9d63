from datetime import timedelta

import pytest

from workmill.words.duration import as_timedelta, checked_length
from workmill.words.errors import InvalidOption


def test_number_is_seconds() -> None:
    assert as_timedelta(1.5) == timedelta(seconds=1.5)


def test_timedelta_stays() -> None:
    assert as_timedelta(timedelta(days=2)) == timedelta(days=2)


@pytest.mark.parametrize("length", [0, 0.25, timedelta.max])
def test_length_that_is_not_negative_is_read(length: timedelta | float) -> None:
    assert checked_length("keep", length) == as_timedelta(length)


@pytest.mark.parametrize("length", [-0.001, timedelta(days=-1), float("nan"), float("inf"), 1e18, "1 day", None])
def test_anything_else_is_refused_by_name(length: object) -> None:
    with pytest.raises(InvalidOption, match="keep") as refused:
        checked_length("keep", length)  # type: ignore[arg-type] - wrong on purpose

    assert refused.value.value is length

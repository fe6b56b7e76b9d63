from datetime import UTC, datetime, timedelta

import pytest

from workmill.words.clock import LAST_MOMENT
from workmill.words.ticks import LAST, TICK, later, length_of, moment, moment_or_none, ticks

NOON = datetime(2030, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


def test_a_moment_comes_back_as_it_was_written() -> None:
    assert moment(ticks(NOON)) == NOON
    assert moment(ticks(LAST_MOMENT)) == LAST_MOMENT
    assert ticks(LAST_MOMENT) == LAST


def test_a_moment_may_be_missing() -> None:
    assert moment_or_none(None) is None
    assert moment_or_none(ticks(NOON)) == NOON


@pytest.mark.parametrize("written", [LAST + 1, 10**30, "noon"])
def test_what_no_datetime_can_name_is_refused(written: int) -> None:
    with pytest.raises(ValueError, match="not a moment"):
        moment(written)


def test_no_length_is_longer_than_the_calendar() -> None:
    assert length_of(3 * TICK) == 3
    assert length_of(timedelta.max) == LAST
    assert later(ticks(NOON), timedelta.max) == LAST
    assert later(5, 3 * TICK) == 8

from datetime import UTC, datetime, timedelta, timezone

import pytest

from workmill.testing import FakeClock

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)


def test_a_fake_clock_stands_still_in_utc() -> None:
    clock = FakeClock(NOON.astimezone(timezone(timedelta(hours=2))))

    assert clock() == clock() == NOON
    assert clock().tzinfo is UTC


def test_it_advances_by_seconds_by_a_length_of_time_or_to_a_moment() -> None:
    clock = FakeClock(NOON)

    assert clock.advance(1.5) == NOON + timedelta(seconds=1.5)
    assert clock.advance(timedelta(hours=1)) == NOON + timedelta(hours=1, seconds=1.5)
    assert clock.advance_to(NOON + timedelta(days=1)) == clock() == NOON + timedelta(days=1)


def test_a_moment_that_is_past_leaves_it_where_it_is() -> None:
    clock = FakeClock(NOON)

    assert clock.advance_to(NOON - timedelta(days=1)) == NOON


def test_time_does_not_go_back_and_has_a_zone() -> None:
    clock = FakeClock(NOON)

    with pytest.raises(ValueError, match="turn time back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="no time zone"):
        clock.advance_to(datetime(2031, 5, 5))  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="no time zone"):
        FakeClock(datetime(2031, 5, 5))  # noqa: DTZ001 - what is refused
    assert clock() == NOON

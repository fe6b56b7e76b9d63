from datetime import UTC, datetime, timedelta

import pytest

from workmill.words.clock import LAST_MOMENT, later, system_clock


def test_system_clock_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)

    now = system_clock()

    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_later_is_that_much_later() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    assert later(moment, timedelta(days=1, microseconds=1)) == datetime(2030, 1, 2, microsecond=1, tzinfo=UTC)


@pytest.mark.parametrize("moment", [datetime(2030, 1, 1, tzinfo=UTC), LAST_MOMENT])
def test_beyond_the_calendar_is_the_last_moment(moment: datetime) -> None:
    assert later(moment, timedelta.max) == LAST_MOMENT

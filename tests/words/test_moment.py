"""Moments as callers write them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from workmill.words.errors import InvalidOption
from workmill.words.moment import check_aware

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("hours", [0, 9, -11])
def test_a_moment_is_the_same_in_any_zone(hours: int) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=hours)))

    assert check_aware("run_after", elsewhere) == NOON
    assert check_aware("run_after", elsewhere).tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 1),  # noqa: DTZ001 - that is the point
        date(2030, 1, 1),
        "2030-01-01T00:00:00Z",
        0,
        None,
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_what_names_no_moment_is_refused_by_name(moment: datetime) -> None:
    with pytest.raises(InvalidOption, match="option run_after=") as raised:
        check_aware("run_after", moment)

    assert raised.value.value is moment

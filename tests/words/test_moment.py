from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from workmill.words.errors import InvalidOption
from workmill.words.moment import check_aware

EAST = timezone(timedelta(hours=14))


def test_moment_is_returned_in_utc() -> None:
    moment = check_aware("run_after", datetime(2030, 1, 1, 14, tzinfo=EAST))

    assert moment == datetime(2030, 1, 1, tzinfo=UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [datetime(2030, 1, 1), datetime(1, 1, 1, tzinfo=EAST), date(2030, 1, 1), "2030-01-01T00:00:00Z", 0, None],  # noqa: DTZ001 - no zone on purpose
    ids=str,
)
def test_anything_else_is_refused_by_option_and_value(moment: object) -> None:
    with pytest.raises(InvalidOption) as refused:
        check_aware("run_after", moment)  # type: ignore[arg-type] - wrong on purpose

    assert (refused.value.option, refused.value.value) == ("run_after", moment)

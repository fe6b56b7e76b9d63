"""The search through time that schedules are compared with, and a sample of that comparison."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from proof import dst
from workmill import Cron


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", datetime(2026, 3, 20, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 20, tzinfo=UTC)),
        ("America/Santiago", datetime(2024, 9, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2024, 4, 1, tzinfo=UTC)),
        ("Antarctica/Troll", datetime(2024, 3, 25, tzinfo=UTC)),
    ],
)
def test_schedules_fire_when_the_wall_shows_their_times(zone: str, start: datetime) -> None:
    found = [dst.differences(each, zone, start, start + timedelta(days=12)) for each in dst.EXPRESSIONS]

    assert [wrong for _, wrong in found] == [[]] * len(dst.EXPRESSIONS)
    assert sum(ticks for ticks, _ in found) > 1000


def test_a_schedule_that_fires_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Naive(Cron):
        """Takes the offset of today for that of tomorrow."""

        def first(self, now: datetime) -> datetime | None:
            tick = super().first(now)
            return None if tick is None else tick + timedelta(hours=(tick - now) > timedelta(hours=23.5))

    monkeypatch.setattr(dst, "Cron", Naive)
    start = datetime(2026, 3, 20, tzinfo=UTC)

    _, wrong = dst.differences("30 9 * * *", "Europe/Berlin", start, start + timedelta(days=12))

    assert len(wrong) == 1


def test_the_search_knows_which_times_come_twice_and_never() -> None:
    zone = ZoneInfo("Europe/Berlin")
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    day = timedelta(days=1)

    assert list(dst.expected("30 2 * * *", zone, spring, spring + day)) == [datetime(2026, 3, 29, 1, tzinfo=UTC)]
    assert list(dst.expected("30 2 * * *", zone, autumn, autumn + day)) == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
    assert len(list(dst.expected("*/30 2 * * *", zone, spring, spring + day))) == 0
    assert len(list(dst.expected("*/30 2 * * *", zone, autumn, autumn + day))) == 4

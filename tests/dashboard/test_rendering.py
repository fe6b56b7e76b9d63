"""How lengths of time, moments, numbers and ids are written."""

from datetime import UTC, datetime, timedelta

import pytest

from workmill.dashboard import rendering


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-1, "0 ms"),
        (0, "0 ms"),
        (0.34, "340 ms"),
        (1.25, "1.25 s"),
        (42.51, "42.5 s"),
        (125, "2m 05s"),
        (3600 * 3 + 605, "3h 10m"),
        (86400 * 4 + 7200, "4d 2h"),
        (timedelta(minutes=1), "1m 00s"),
    ],
)
def test_lengths_are_short(seconds: float | timedelta | None, text: str) -> None:
    assert rendering.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (-12.5, "12s ago"), (-3700, "1h ago"), (300.5, "in 5m"), (-90000, "1d ago")]
)
def test_moments_are_told_by_their_distance(seconds: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    monkeypatch.setattr(rendering, "now", lambda: now)

    assert rendering.ago(now + timedelta(seconds=seconds)) == text


def test_moments_are_exact_for_machines_and_in_utc_for_people() -> None:
    moment = datetime.fromisoformat("2026-03-01T13:00:00.123456+01:00")

    assert rendering.iso(moment) == "2026-03-01T12:00:00.123Z"
    assert rendering.moment(moment) == "2026-03-01 12:00:00 UTC"


def test_numbers_nouns_and_ids() -> None:
    assert rendering.number(1234567) == "1,234,567"
    assert rendering.number(0.12345) == "0.1235"
    assert [rendering.plural(count, "job") for count in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]
    assert rendering.plural(2, "child", "children") == "2 children"
    assert rendering.short_id("01a1ffef-4dda-7b70-92ac-e5cf1a906c26") == "1a906c26"
    assert rendering.pretty({"a": ["é"]}) == '{\n  "a": [\n    "é"\n  ]\n}'

"""Cron expressions: what they match, what clock changes do to them, and what is refused."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workmill import Cron, InvalidOption


def ticks(cron: Cron, start: datetime, count: int) -> list[str]:
    """Return the next ticks, in UTC."""
    found, tick = list[str](), cron.first(start)
    while tick is not None and len(found) < count:
        found.append(f"{tick:%m-%d %H:%M:%S}")
        tick = cron.following(tick)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("0 9 * * 1-5", ["11-23 09:00:00", "11-24 09:00:00", "11-25 09:00:00"]),
        ("*/20 * * * *", ["11-21 12:20:00", "11-21 12:40:00", "11-21 13:00:00"]),
        ("*/20 * * * * *", ["11-21 12:00:20", "11-21 12:00:40", "11-21 12:01:00"]),
        ("0 0 L * *", ["11-30 00:00:00", "12-31 00:00:00", "01-31 00:00:00"]),
        ("0 0 13 * fri", ["11-27 00:00:00", "12-04 00:00:00", "12-11 00:00:00"]),
    ],
)
def test_ticks_are_the_times_that_the_expression_names(expression: str, found: list[str]) -> None:
    assert ticks(Cron(expression), at("2026-11-21 12:00"), 3) == found


def test_a_tick_is_never_the_moment_itself() -> None:
    cron = Cron("0 * * * *")

    assert cron.first(at("2026-01-01 09:00")) == at("2026-01-01 10:00")
    assert cron.first(at("2026-01-01 09:00") - timedelta(microseconds=1)) == at("2026-01-01 09:00")


def test_a_fixed_time_that_the_clock_leaves_out_comes_when_it_is_set_forward_and_once() -> None:
    cron = Cron("15,45 2 * * *", tz="Europe/Berlin")

    assert ticks(cron, at("2026-03-28 03:00"), 3) == ["03-29 01:00:00", "03-30 00:15:00", "03-30 00:45:00"]


def test_a_fixed_time_that_the_clock_shows_twice_comes_once_and_first() -> None:
    cron = Cron("30 2 * * *", tz="Europe/Berlin")

    assert ticks(cron, at("2026-10-24 12:00"), 2) == ["10-25 00:30:00", "10-26 01:30:00"]
    assert cron.first(at("2026-10-25 01:10")) == at("2026-10-26 01:30")  # while the wall shows 02:10 again


def test_what_goes_by_every_hour_goes_by_the_clock_as_it_runs() -> None:
    cron = Cron("0 * * * *", tz="Europe/Berlin")

    assert ticks(cron, at("2026-10-24 23:30"), 4) == [
        "10-25 00:00:00",
        "10-25 01:00:00",
        "10-25 02:00:00",
        "10-25 03:00:00",
    ]


def test_a_clock_that_is_set_by_half_an_hour_hides_no_time() -> None:
    cron = Cron("*/15 2 * * *", tz="Australia/Lord_Howe")  # set back from 02:00 to 01:30, at 15:00 UTC

    assert ticks(cron, at("2026-04-04 14:00"), 2) == ["04-04 15:30:00", "04-04 15:45:00"]


def test_the_last_tick_before_a_moment_is_found_however_long_ago_the_first_was() -> None:
    cron, now = Cron("* * * * * *"), at("2026-11-21 12:00:00")
    began = time.perf_counter()

    last = cron.last(at("2006-01-01 00:00"), now + timedelta(microseconds=5))

    assert last == now
    assert time.perf_counter() - began < 0.25


@pytest.mark.parametrize("expression", ["* * * * * 1", "0 0 1 1 *", "*/7 3 * * *", "0 0 29 2 *"])
def test_the_last_tick_is_the_one_before_the_next(expression: str) -> None:
    cron, now = Cron(expression, tz="America/New_York"), at("2026-11-22 12:00")
    first = cron.first(at("2010-01-01 00:00"))
    assert first is not None

    last = cron.last(first, now)

    after = cron.following(last)
    assert last <= now
    assert after is not None
    assert after > now


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6 *", "never fires"),
        ("* * * *", "wrong number of fields"),
        ("60 * * * *", "bad minute"),
        ("1-0 * * * *", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("@daily", "five fields"),
        ("0 9 * * 1-5\n", "five fields"),
        ("१ * * * *", "five fields"),
        ("1," * 200 + "1 * * * *", "at most 255 characters"),
        ("*" + "/1" * 200 + " * * * *", "at most 255 characters"),
        ("", "five fields"),
        (5, "five fields"),
    ],
)
def test_what_is_no_cron_is_refused_at_once(expression: str, said: str) -> None:
    began = time.perf_counter()

    with pytest.raises(InvalidOption, match="option cron") as refused:
        Cron(expression)

    assert said in str(refused.value)
    assert time.perf_counter() - began < 0.25


@pytest.mark.parametrize("tz", ["Mars/Base", "../etc/passwd", "/etc/passwd", "", "Europe", "Europe/Berlin ", None])
def test_an_unknown_time_zone_is_refused(tz: str) -> None:
    with pytest.raises(InvalidOption, match="option tz") as refused:
        Cron("0 9 * * *", tz=tz)

    assert "Europe/Berlin" in refused.value.remedy


@given(st.text(alphabet="0123456789*/,-#LWMONJA ", max_size=40))
@example("0 0 30 2 1#5")
def test_whatever_is_written_is_a_schedule_with_a_next_time_or_refused(expression: str) -> None:
    try:
        cron = Cron(expression, tz="Pacific/Chatham")
    except InvalidOption:
        return

    tick = cron.first(at("2026-03-01 00:00"))

    assert tick is not None
    assert tick > at("2026-03-01 00:00")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from(["*/30 * * * *", "30 1,2 * * *"]))  # noqa: DTZ001 - it gets its zone below
def test_ticks_rise(start: datetime, expression: str) -> None:
    cron = Cron(expression, tz="Europe/London")
    found = [cron.first(start.replace(tzinfo=UTC))]
    for _ in range(10):
        assert found[-1] is not None
        found.append(cron.following(found[-1]))

    assert all(one < other for one, other in pairwise(found) if one and other)
    assert found[0] is not None
    assert found[0] > start.replace(tzinfo=UTC)


def test_equal_crons_are_equal_and_say_what_they_are() -> None:
    cron = Cron("0  9 * * mon", tz="Europe/Berlin")

    assert cron == Cron("0 9 * * MON", tz="Europe/Berlin")
    assert cron != Cron("0 9 * * MON")
    assert hash(cron) == hash(Cron("0 9 * * MON", tz="Europe/Berlin"))
    assert repr(cron) == "Cron('0 9 * * MON', tz='Europe/Berlin')"


def test_the_calendar_may_end() -> None:
    assert Cron("0 0 1 1 *").first(datetime(9999, 12, 31, tzinfo=UTC)) is None

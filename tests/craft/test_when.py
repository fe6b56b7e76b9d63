"""Intervals and loops, and every kind of schedule as the text that is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from workmill import Cron, Every, InvalidOption, Loop, When, when_of
from workmill.craft.when import check_when

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "when",
    [Cron("0 9 * * 1-5", tz="Europe/Berlin"), Cron("*/5 * * * * *"), Every(30), Every(1.5), Loop(15), Loop(0)],
)
def test_a_schedule_is_read_as_it_was_written(when: When) -> None:
    assert when_of(when.text) == when


@pytest.mark.parametrize(
    ("when", "text"),
    [(Every(30), "every 30"), (Every(timedelta(milliseconds=1500)), "every 1.5"), (Loop(0), "loop 0")],
)
def test_a_schedule_is_written_plainly(when: When, text: str) -> None:
    assert when.text == text


@pytest.mark.parametrize("text", ["", "every", "every x", "loop -1", "sometimes 3", "cron", "cron x UTC", "every 0.5"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        when_of(text)


def test_an_interval_keeps_its_distance() -> None:
    every = Every(30)

    first = every.first(NOW)

    assert first == NOW + 30 * SECOND
    assert every.following(NOW) == NOW + 30 * SECOND
    assert every.last(NOW, NOW + 95 * SECOND) == NOW + 90 * SECOND
    assert every.last(NOW, NOW) == NOW


def test_an_interval_ends_with_the_calendar() -> None:
    assert Every(timedelta(days=400)).following(datetime(9999, 1, 1, tzinfo=UTC)) is None


def test_a_loop_begins_at_once_and_its_next_round_is_counted_from_the_last_ones_end() -> None:
    loop = Loop(15)

    assert (loop.pause, loop.first(NOW), loop.following(NOW)) == (15 * SECOND, NOW, None)
    assert loop.last(NOW, NOW + timedelta(days=1)) == NOW


@pytest.mark.parametrize("interval", [0, 0.999, -1, "30", None, timedelta(days=40_000)])
def test_an_interval_that_cannot_be_is_refused(interval: float) -> None:
    with pytest.raises(InvalidOption, match="option every"):
        Every(interval)


@pytest.mark.parametrize("pause", [-1, "30", float("nan")])
def test_a_pause_that_cannot_be_is_refused(pause: float) -> None:
    with pytest.raises(InvalidOption, match="option loop"):
        Loop(pause)


def test_what_is_no_time_is_refused_with_examples() -> None:
    with pytest.raises(InvalidOption, match=r"Every\(30\)"):
        check_when("0 9 * * *")  # type: ignore[arg-type] - that is what is refused


def test_equal_schedules_are_equal_and_say_what_they_are() -> None:
    assert Every(30) == Every(timedelta(seconds=30))
    assert Loop(1) != Every(1)
    assert {Every(30), Every(30.0), Loop(1), Loop(1)} == {Every(30), Loop(1)}
    assert (repr(Every(30)), repr(Loop(1.5))) == ("Every(30)", "Loop(1.5)")

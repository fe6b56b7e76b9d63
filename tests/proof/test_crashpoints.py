"""The first call of each verb goes wrong in each way; `./run proof crashpoints` tries them all."""

from collections.abc import Iterator

import pytest

from proof.crashing.databases import MemoryRoom, RedisRoom, SqliteRoom
from proof.crashing.enumerating import enumerate_points, play_once
from proof.crashing.faults import Mode, Point
from proof.crashing.scenarios import SCENARIOS
from proof.crashing.timing import hurried


@pytest.fixture(autouse=True)
def _hurried() -> Iterator[None]:
    with hurried():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_lost_whichever_call_goes_wrong(scenario: str) -> None:
    tally = enumerate_points(MemoryRoom(), scenario, most=1, is_real=False)

    assert tally.points.total() > 10
    assert [(played.point, played.violations) for played in tally.failed] == []


@pytest.mark.slow
def test_nothing_of_a_file_is_lost_whichever_call_goes_wrong() -> None:
    tally = enumerate_points(SqliteRoom(), "run_once", most=1, modes=(Mode.REFUSED, Mode.UNANSWERED))

    assert tally.points.total() > 10
    assert [(played.point, played.violations) for played in tally.failed] == []


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["run_once", "graph"])
def test_nothing_on_redis_is_lost_whichever_call_goes_wrong(scenario: str, redis: str) -> None:
    tally = enumerate_points(RedisRoom(redis), scenario, most=1, modes=(Mode.REFUSED, Mode.UNANSWERED))

    assert tally.points.total() > 10
    assert [(played.point, played.violations) for played in tally.failed] == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.KILLED_BEFORE, Mode.KILLED_AFTER])
@pytest.mark.parametrize(("scenario", "verb"), [("batch", "settle"), ("graph", "settle"), ("loop", "fire")])
def test_killed_process_leaves_what_others_can_end(scenario: str, verb: str, mode: Mode) -> None:
    played = play_once(SqliteRoom(), scenario, Point(verb=verb, number=2, mode=mode), is_real=True)

    assert played.was_reached
    assert not played.violations


def test_point_that_does_not_come_is_told() -> None:
    played = play_once(MemoryRoom(), "run_once", Point(verb="held", number=9, mode=Mode.REFUSED), is_real=False)

    assert not played.was_reached
    assert not played.violations

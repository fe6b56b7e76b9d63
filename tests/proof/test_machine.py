"""Few and short walks beside the reference; `./run proof machine` takes many."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from proof.crashing.databases import MemoryRoom, PostgresRoom, RedisRoom, Room, SqliteRoom
from proof.modelling.stepping import machine_on
from proof.planted import rooms


def walk(room: Room, *, examples: int, steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    few = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine_on(room), settings=few)


@pytest.mark.slow
def test_memory_room_does_as_the_reference() -> None:
    walk(MemoryRoom(), examples=30, steps=40)


@pytest.mark.slow
def test_sqlite_room_does_as_the_reference() -> None:
    walk(SqliteRoom(), examples=6, steps=30)


@pytest.mark.slow
def test_postgres_room_does_as_the_reference(postgres: str) -> None:
    walk(PostgresRoom(postgres), examples=3, steps=30)


@pytest.mark.slow
def test_redis_room_does_as_the_reference(redis: str) -> None:
    walk(RedisRoom(redis), examples=6, steps=30)


@pytest.mark.slow
@pytest.mark.parametrize("bug", [rooms.settle_without_token, rooms.report_without_token, rooms.counts_drift])
def test_room_with_a_planted_bug_is_told_from_the_reference(bug: rooms.Bug) -> None:
    with bug(), pytest.raises(AssertionError):
        walk(MemoryRoom(), examples=200, steps=40, phases=(Phase.generate,))

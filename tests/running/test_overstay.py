from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.running.fakes import claimed
from workmill.running.overstay import overstay
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing import FakeClock
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, FailureKind
from workmill.words.policy import Policy

START = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = timedelta(seconds=5)


def seconds(count: float) -> datetime:
    return START + timedelta(seconds=count)


@pytest.fixture
async def job() -> Job:
    (job,) = await claimed(MemoryStore(Vault(), FakeClock()), 1)
    return replace(job, started_at=START, policy=Policy(timeout=timedelta(seconds=10)))


@pytest.mark.parametrize(
    ("changes", "now", "has_overstayed"),
    [
        ({}, 15, False),
        ({}, 15.1, True),
        ({"policy": Policy()}, 1e6, False),
        ({"policy": Policy(timeout=timedelta.max)}, 1e6, False),
        ({"started_at": None}, 1e6, False),
        ({"state": JobState.SUCCEEDED}, 1e6, False),
        ({"cancel_requested_at": seconds(2)}, 7, False),
        ({"cancel_requested_at": seconds(2)}, 7.1, True),
        ({"cancel_requested_at": seconds(2), "policy": Policy()}, 7.1, True),
        ({"cancel_requested_at": seconds(2), "cancel_forced": True}, 2, True),
        ({"cancel_requested_at": seconds(14), "state": JobState.RUNNING}, 15.1, True),
    ],
)
async def test_a_job_has_overstayed_when_it_should_have_ended_longer_than_the_grace_ago(
    job: Job,
    changes: dict[str, Any],
    now: float,
    has_overstayed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert (overstay(replace(job, **changes), seconds(now), GRACE) is not None) is has_overstayed


async def test_past_its_limit_it_failed_by_that_with_the_stack(job: Job) -> None:
    outcome = overstay(job, seconds(16), GRACE, stack="in spin")

    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert outcome.failure.kind is FailureKind.TIMEOUT
    assert "longer than its limit of 10 s; asked to end, it went on for 5 s" in outcome.failure.message
    assert outcome.failure.traceback == "in spin"


async def test_a_cancel_counts_for_more_than_the_limit(job: Job) -> None:
    asked = replace(job, cancel_requested_at=seconds(1), cancel_reason="enough")

    assert overstay(asked, seconds(60), GRACE) == Cancelled(reason="enough")

"""A job as every door shows it."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.craft.runs import claimed
from workmill import App, Job, Progress, Retry, attempt_document, job_document
from workmill.words.ties import Ties


@pytest.fixture
def job(app: App) -> Job:
    @app.task(queue="images", priority=3, retry=Retry(2))
    def resize(path: str) -> str:
        return path

    return claimed(resize.using(key="k"), "a.png")


def test_a_job_is_shown_whole(job: Job) -> None:
    document = job_document(job)

    assert json.loads(json.dumps(document)) == document
    assert document == {
        "id": job.id,
        "task": "resize",
        "queue": "images",
        "priority": 3,
        "state": "running",
        "done": False,
        "attempt": 1,
        "max_attempts": 3,
        "deaths": 0,
        "progress": None,
        "args": {"path": "a.png"},
        "result": None,
        "error": None,
        "key": "k",
        "worker": "w",
        "created_at": "2030-01-01T00:00:00Z",
        "run_at": None,
        "started_at": "2030-01-01T00:00:00Z",
        "finished_at": None,
        "expires_at": None,
        "cancel_requested_at": None,
        "cancel_reason": None,
        "cancel_forced": False,
        "retry_of": None,
        "flow": None,
        "schedule": None,
        "tick": None,
        "version": 2,
    }


def test_a_job_shows_what_it_belongs_to(job: Job) -> None:
    ties = Ties(flow="f", schedule="s", tick=datetime(2030, 1, 1, tzinfo=UTC))

    document = job_document(dataclasses.replace(job, ties=ties))

    assert (document["flow"], document["schedule"], document["tick"]) == ("f", "s", "2030-01-01T00:00:00Z")


def test_times_are_shown_in_utc(job: Job) -> None:
    tokyo = datetime(2030, 1, 1, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=9)))

    assert job_document(dataclasses.replace(job, run_at=tokyo))["run_at"] == "2030-01-01T00:00:00.000005Z"


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(current=1, total=4, message="a"), {"value": 0.25, "current": 1, "total": 4, "message": "a"}),
        (Progress(current=3), {"value": None, "current": 3, "total": None, "message": None}),
        (Progress(current=3, total=0), {"value": None, "current": 3, "total": 0, "message": None}),
        (Progress(current=5, total=4), {"value": 1.0, "current": 5, "total": 4, "message": None}),
        (Progress(current=-1, total=4), {"value": 0.0, "current": -1, "total": 4, "message": None}),
    ],
)
def test_a_progress_is_a_share_from_0_to_1_where_it_can_be(job: Job, progress: Progress, shown: Any) -> None:
    assert job_document(dataclasses.replace(job, progress=progress))["progress"] == shown


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b"9" * 5000])
def test_a_damaged_record_is_shown_all_the_same(job: Job, damaged: bytes) -> None:
    document = job_document(dataclasses.replace(job, args=damaged, result=damaged))

    assert (document["args"], document["result"]) == (None, None)


def test_a_failed_attempt_is_shown_with_its_error(app: App) -> None:
    @app.task
    def fail() -> None:
        raise ValueError("no")

    handle = fail.enqueue()
    app.drain()
    (attempt,) = handle.attempts()

    document = attempt_document(attempt)

    assert json.loads(json.dumps(document)) == document
    assert (document["number"], document["ending"]) == (1, "failed")
    assert document["ended_at"] >= document["started_at"] > datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    assert {key: document["error"][key] for key in ("kind", "type", "message")} == {
        "kind": "error",
        "type": "ValueError",
        "message": "no",
    }
    assert handle.refresh().document()["error"] == document["error"]

"""The robot example with all its processes on a real store: every line of its contract, and a crash of everything."""

import json
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from examples.robot.service import TIMEOUT_SECONDS
from tests.acceptance.robot_parts import Parts
from tests.acceptance.servers import HOST
from workmill import App, Attempt, Ending, JobState

ORDER = {"timedelta": 0.5, "records": 12, "msg": "hello", "rplstatus": "FETCHED"}
STARTERS = 10
OPEN = [state for state in JobState if not state.is_final]

pytestmark = pytest.mark.slow


def job_id(page: str) -> str:
    found = re.search(r'id="job-id">([0-9a-f-]{36})<', page)
    assert found, page
    return found[1]


def registrations(parts: Parts, app: App) -> None:
    """Send a form and JSON; each is done once, a little later, and logged."""
    status, page = parts.ask("POST", "/userregres/", "name=Ada&course=sums&course=robots")
    _, other = parts.ask("POST", "/userregres/", {"name": "Bob", "nested": {"a": [1]}}, Idempotency_Key="k1")
    _, again = parts.ask("POST", "/userregres/", {"name": "Bob", "nested": {"a": [1]}}, Idempotency_Key="k1")
    refused, reason = parts.ask("POST", "/userregres/", {"name": "Eve"}, Idempotency_Key="k1")
    ids = [job_id(page), job_id(other)]
    jobs = [app.job(each).refresh(wait=20) for each in ids]
    lines = parts.trees["worker"].until("registered ", times=2)

    assert (status, refused) == (202, 409)
    assert "robot-registrations" in page
    assert "Idempotency-Key" in reason
    assert job_id(again) == ids[1]
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert b'{"name":"Ada","course":["sums","robots"]}' in jobs[0].record.args
    assert all(any(each in line.string for line in lines) for each in ids)
    for job in jobs:
        begun = job.attempts()[0].started_at
        assert begun is not None
        assert (begun - job.record.created_at).total_seconds() >= 0.1


def rounds(app: App) -> list[Attempt]:
    """Return all attempts of all rounds, in their order; none overlaps another."""
    found = [attempt for job in app.jobs(tasks=["robot.round"]).jobs for attempt in app.job(job.id).attempts()]
    found.sort(key=lambda each: each.ended_at)
    for before, after in pairwise(found):
        assert after.started_at is not None
        assert before.ended_at <= after.started_at
    return found


def begun(app: App) -> int:
    """Return how many rounds there have been."""
    return len(app.jobs(tasks=["robot.round"], limit=1000).jobs)


def shown(parts: Parts) -> list[str]:
    """Return the states of the last rounds, newest first."""
    return [each["state"] for each in parts.robot()["rounds"]]


def open_jobs(app: App) -> int:
    return len(app.jobs(states=OPEN, limit=1000).jobs)


@pytest.mark.timeout(180)
def test_robot_goes_on_where_it_was_after_a_kill_of_everything_and_stops_when_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with App(url) as app, Parts(url, tmp_path, monkeypatch) as parts:
        registrations(parts, app)
        never = parts.robot()
        with ThreadPoolExecutor(STARTERS) as pool:
            orders = [
                {**ORDER, "timedelta": 0.5 + number / 100, "msg": f"order {number}"} for number in range(STARTERS)
            ]
            answers = list(pool.map(lambda order: parts.ask("POST", "/api/wstart", order)[0], orders))
        started = parts.robot()
        parts.until(lambda: parts.robot()["pool"]["done"] > 0, "a record is done")
        parts.kill(*parts.trees)
        parts.start("web", "worker", "pool")
        after = parts.robot()
        parts.until(lambda: "failed" in shown(parts), "a round fails without the service")
        parts.start("records")
        parts.until(lambda: shown(parts)[0] == "succeeded", "rounds go on")
        refused, reason = parts.ask("POST", "/api/wstart", ORDER)
        stopped = [json.loads(parts.ask("POST", "/api/wstop")[1]) for _ in range(2)]
        count = begun(app)
        parts.until(lambda: open_jobs(app) == 0, "everything has ended")
        ended, records = parts.robot(), parts.records()
        attempts = rounds(app)
        work = app.jobs(tasks=["robot.work"], limit=1000).jobs
        total = begun(app)

    assert (never["status"], never["rounds"]) == ("stopped", [])
    assert sorted(answers) == [202] + [422] * (STARTERS - 1)
    order = orders[answers.index(202)]
    for seen in (started, after, ended):
        assert {name: seen[name] for name in order} == order
        assert seen["run"] == started["run"]
    assert (started["status"], after["status"], ended["status"]) == ("started", "started", "stopped")
    assert (refused, "wstop" in reason) == (422, True)
    assert [each["was_started"] for each in stopped] == [True, False]
    assert (ended["next_at"], total) == (None, count)
    assert {Ending.SUCCEEDED, Ending.FAILED} <= {each.ending for each in attempts}
    numbers = [json.loads(job.args)["record_id"] for job in work]
    states = Counter(job.state for job in work)
    assert len(set(numbers)) == len(numbers)
    assert set(states) == {JobState.SUCCEEDED, JobState.FAILED}
    assert {job.state for job in work if json.loads(job.args)["record_id"] % 10 == 0} == {JobState.FAILED}
    assert (records["DONE"], records["REFUSED"]) == (states[JobState.SUCCEEDED], states[JobState.FAILED])


@pytest.mark.timeout(120)
def test_stop_ends_a_round_whose_service_does_not_answer(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with App(sqlite_url) as app, closing(socket.socket()) as silent:
        parts = Parts(sqlite_url, tmp_path, monkeypatch)
        silent.bind((HOST, parts.records_port))
        silent.listen()
        try:
            parts.start("web", "worker")
            parts.ask("POST", "/api/wstart", {**ORDER, "timedelta": 0.1})
            parts.until(lambda: "running" in shown(parts), "a round runs")
            stopped_at = time.monotonic()
            parts.ask("POST", "/api/wstop")
            (last,) = app.jobs(tasks=["robot.round"], limit=1).jobs
            job = app.job(last.id).refresh(wait=20)
            seconds = time.monotonic() - stopped_at
        finally:
            parts.kill(*parts.trees)

    assert job.state is JobState.CANCELLED
    assert seconds < TIMEOUT_SECONDS

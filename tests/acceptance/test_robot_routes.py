"""The robot example's routes, rounds and records service, each by itself, on a store in memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from examples.robot import records, service
from examples.robot.documents import DEEPEST, LONGEST_DOCUMENT, BadDocument, document_of, read_document
from examples.robot.records_shape import Record
from examples.robot.settings import settings_of
from examples.robot.tasks import Fetched, app, do_round, work
from examples.robot.web import LONGEST_BODY, create_app
from workmill import ConfigError, JobState, Loop, ScheduleHandle
from workmill.testing import FakeClock, drain, isolated

ORDER = {"timedelta": 15, "records": 20, "msg": "hello", "rplstatus": "START"}
UNKNOWN = "00000000-0000-7000-8000-000000000000"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    with isolated(app) as clock:
        yield clock


@pytest.fixture
def http(clock: FakeClock) -> FlaskClient:  # noqa: ARG001 - the store is there by it
    return create_app().test_client()


@dataclass
class Told:
    answers: dict[int, str]
    records: list[Record]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Stand in for the records service: it gives the same records again and again."""
    told = Told(answers={}, records=[Record(id=number, document=f"<a>{number}</a>") for number in (1, 2)])
    monkeypatch.setattr(service, "take", lambda count, **_: told.records[:count])
    monkeypatch.setattr(service, "tell", told.answers.__setitem__)
    monkeypatch.setenv("ROBOT_WORK_SECONDS", "0")
    return told


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("{", 400, "body"),
        ("[]", 422, "body"),
        ('{"timedelta": 0}', 422, "timedelta"),
        ('{"timedelta": "15"}', 422, "timedelta"),
        ('{"timedelta": 1e9}', 422, "timedelta"),
        ('{"records": 0}', 422, "records"),
        ('{"records": 101}', 422, "records"),
        ('{"records": true}', 422, "records"),
        ('{"msg": 7}', 422, "msg"),
        ('{"msg": "' + "x" * 1001 + '"}', 422, "msg"),
        ('{"rplstatus": "start"}', 422, "rplstatus"),
        ('{"pause": 15}', 422, "pause"),
    ],
)
def test_order_that_cannot_be_is_refused_by_its_field(http: FlaskClient, body: str, status: int, field: str) -> None:
    answer = http.post("/api/wstart", data=body)

    assert answer.status_code == status
    assert [each["field"] for each in answer.get_json()["errors"]] == [field]
    assert len(answer.text) < 600
    assert http.get("/api/wstatus").get_json()["status"] == "stopped"


def test_first_round_is_due_after_the_pause_and_each_start_has_its_own(http: FlaskClient, clock: FakeClock) -> None:
    never = http.post("/api/wstop")
    first = http.post("/api/wstart", json=ORDER)
    second = http.post("/api/wstart", json={**ORDER, "timedelta": 1})
    unchanged = http.get("/api/wstatus").get_json()
    http.post("/api/wstop")
    clock.advance(100)
    again = http.post("/api/wstart", json={**ORDER, "timedelta": 40, "records": 3})
    due = (clock() + timedelta(seconds=40)).isoformat()

    assert (never.status_code, never.get_json()["was_started"]) == (200, False)
    assert (first.status_code, second.status_code, again.status_code) == (202, 422, 202)
    assert unchanged["timedelta"] == 15
    assert unchanged["next_at"] == first.get_json()["next_at"]
    assert {name: again.get_json()[name] for name in ("timedelta", "records", "next_at")} == {
        "timedelta": 40,
        "records": 3,
        "next_at": due,
    }
    assert again.get_json()["run"] != first.get_json()["run"]


def test_page_shows_the_job_and_a_program_gets_json(http: FlaskClient) -> None:
    page = http.post("/userregres/", data={"name": "<b>Ada</b>"}, headers=BROWSER)
    found = re.search(r'id="job-id">([^<]+)<', page.text)
    assert found
    view = http.get(f"/userregres/{found[1]}").get_json()
    again = http.get(f"/userregres/{found[1]}", headers=BROWSER)

    assert (view["queue"], view["state"], view["fields"]) == ("robot-registrations", "scheduled", ["name"])
    assert found[1] in again.text
    assert "robot-registrations" in page.text
    assert "<b>Ada" not in page.text


def test_registration_begins_from_five_to_fifteen_seconds_later(http: FlaskClient, clock: FakeClock) -> None:
    for number in range(20):
        http.post("/userregres/", json={"number": number})
    began = clock()
    delays = [(job.run_at - began).total_seconds() for job in app.jobs().jobs if job.run_at is not None]

    assert len(delays) == 20
    assert all(5 <= delay <= 15 for delay in delays)
    assert max(delays) - min(delays) > 1


def test_form_sent_twice_is_done_once(http: FlaskClient) -> None:
    page = http.get("/userregres/").text
    key = re.search(r'name="idempotency_key" value="(\w+)"', page)
    assert key
    form = {"idempotency_key": key[1], "name": "Ada"}

    answers = [http.post("/userregres/", data=form, headers=BROWSER) for _ in range(2)]

    assert [each.status_code for each in answers] == [202, 202]
    assert "on its way already" in answers[1].text
    assert [job.args for job in app.jobs().jobs] == [b'{"body":{"name":"Ada"}}']


def test_what_is_no_registration_is_refused_with_the_reason(http: FlaskClient) -> None:
    text = http.post("/userregres/", data="<a/>", content_type="application/xml")
    listed = http.post("/userregres/", json=[1])
    large = http.post("/userregres/", data={"document": "x" * LONGEST_BODY}, headers=BROWSER)
    key = http.post("/userregres/", json={}, headers={"Idempotency-Key": "x" * 2000})
    unknown = http.get(f"/userregres/{UNKNOWN}")

    assert [each.status_code for each in (text, listed, large, key, unknown)] == [415, 400, 413, 422, 404]
    assert "Content-Type" in text.text
    assert "larger than" in large.text
    assert "<h1>" in large.text
    assert not app.jobs().jobs


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 100_000, 400),
        ('{"a":' * 100_000, 400),
        ('{"a": NaN}', 422),
        ('{"a": 1e999}', 422),
        (r'{"a": "\ud800"}', 422),
    ],
)
def test_body_that_is_no_json_for_everybody_is_refused(http: FlaskClient, body: str, status: int) -> None:
    answer = http.post("/userregres/", data=body, content_type="application/json")

    assert answer.status_code == status
    assert [each["field"] for each in answer.json["errors"]] == ["body"]
    assert not app.jobs().jobs


def test_large_document_is_taken_whole(http: FlaskClient) -> None:
    document = "<a>" + "x" * (LONGEST_BODY // 2) + "</a>"

    answer = http.post("/userregres/", data={"document": document})

    assert answer.status_code == 202
    assert len(app.jobs().jobs[0].args) > LONGEST_BODY // 2


def test_pages_of_other_sites_start_and_stop_nothing(http: FlaskClient) -> None:
    by_fetch = http.post("/api/wstart", json=ORDER, headers={"Sec-Fetch-Site": "cross-site"})
    by_origin = http.post("/api/wstop", headers={"Origin": "https://elsewhere.example"})
    by_host = http.get("/api/wstatus", headers={"Host": "elsewhere.example"})
    own = http.post("/api/wstop", headers={"Origin": "http://localhost"})

    assert [each.status_code for each in (by_fetch, by_origin, by_host, own)] == [403, 403, 400, 200]
    assert "ROBOT_TRUSTED_HOSTS" in by_host.text
    assert http.get("/api/wstatus").get_json()["status"] == "stopped"


def test_below_a_prefix_every_address_begins_with_it(http: FlaskClient) -> None:
    job = http.post("/userregres/", data={"a": "b"}, base_url="http://localhost/robot")
    page = http.get("/", base_url="http://localhost/robot")
    found = re.findall(r'(?:href|src|action|data-status|data-start|data-stop)="([^"]*)"', job.text + page.text)

    assert len(found) >= 12
    assert all(each.startswith("/robot/") for each in found), found


def test_servers_say_that_they_live_and_are_ready(http: FlaskClient) -> None:
    assert [http.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_records_that_come_again_are_worked_once_whatever_the_message(clock: FakeClock, told: Told) -> None:
    rounds = []
    for message in ("first", "first", "second"):
        rounds.append(do_round.enqueue("run", 2, message))
        drain(app, clock=clock)

    assert [each.result() for each in rounds] == [Fetched(records=2, known=known) for known in (0, 2, 2)]
    assert len(app.jobs(tasks=["robot.work"]).jobs) == 2
    assert told.answers == {1: "DONE", 2: "DONE"}


def test_record_that_comes_again_after_its_end_is_told_again(clock: FakeClock, told: Told) -> None:
    told.records.append(Record(id=3, document="<a>"))
    work.using(key="record-2").enqueue(2, "<a>2</a>").cancel("not this one")
    answers = []
    for _ in range(2):
        do_round.enqueue("run", 3)
        drain(app, clock=clock)
        answers.append(dict(told.answers))
        told.answers.clear()

    assert answers == [{1: "DONE", 2: "REFUSED", 3: "REFUSED"}] * 2
    assert len(app.jobs(tasks=["robot.work"]).jobs) == 3


def test_document_that_cannot_be_read_fails_at_once_and_is_told(clock: FakeClock, told: Told) -> None:
    told.records = [Record(id=7, document="<a>"), Record(id=8, document="<a/>")]
    do_round.enqueue("run", 2)

    drain(app, clock=clock)

    (count,) = app.jobs(tasks=["robot.count"]).jobs
    (failed,) = app.jobs(tasks=["robot.work"], states=["failed"]).jobs
    assert told.answers == {7: "REFUSED", 8: "DONE"}
    assert failed.attempt == 1
    assert count.result == b'{"succeeded":1,"failed":1}'
    assert {job.state for job in app.jobs(tasks=["robot.done", "robot.refused"]).jobs} == {
        JobState.SUCCEEDED,
        JobState.CANCELLED,
        JobState.FAILED,
    }


def test_records_queue_is_another_than_that_of_the_rounds() -> None:
    assert work.queue != do_round.queue


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("ROBOT_RECORDS_FILE", str(tmp_path / "records.db"))
    monkeypatch.setenv("ROBOT_RECORDS_FAIL_EVERY", "0")
    monkeypatch.setenv("ROBOT_RECORDS_LEASE", "0")
    return records.create_app().test_client()


def taken(shelf: FlaskClient, by: str, count: int = 3) -> list[int]:
    answer = shelf.post("/records/taken", json={"count": count, "by": by, "status": "START"})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.get_json()]


def test_service_gives_the_same_name_the_same_and_what_was_left_lying_to_others(shelf: FlaskClient) -> None:
    first, again = taken(shelf, "a"), taken(shelf, "a")
    shelf.put("/records/2", json={"status": "DONE"})
    shelf.put("/records/2", json={"status": "DONE"})
    other = taken(shelf, "b")

    assert (first, again, other) == ([1, 2, 3], [1, 2, 3], [1, 3, 4])
    assert shelf.get("/").get_json() == {"DONE": 1, "START": 3}


def test_service_keeps_for_its_lease_what_it_has_handed_out(shelf: FlaskClient) -> None:
    shelf.application.config["LEASE"] = 60

    assert [taken(shelf, by) for by in ("a", "a", "b")] == [[1, 2, 3], [1, 2, 3], [4, 5, 6]]


def test_service_fails_by_turns_before_and_after_it_did_what_it_was_asked(shelf: FlaskClient) -> None:
    shelf.application.config["FAIL_EVERY"] = 1

    statuses, stored = [], []
    for _ in range(2):
        statuses.append(shelf.post("/records/taken", json={"count": 1, "by": "a", "status": "START"}).status_code)
        stored.append(shelf.get("/").get_json())

    assert statuses == [503, 500]
    assert stored == [{}, {"START": 1}]


def test_service_refuses_what_it_cannot_take(shelf: FlaskClient) -> None:
    count = shelf.post("/records/taken", json={"count": 0, "by": "a", "status": "START"})
    status = shelf.put("/records/1", json={"status": "LOST"})
    unknown = shelf.put("/records/1", json={"status": "DONE"})

    assert [each.status_code for each in (count, status, unknown)] == [422, 422, 404]


def test_document_is_always_the_same_and_a_broken_one_ends_half_way() -> None:
    whole, broken = (document_of(3, 500, is_broken=is_broken) for is_broken in (False, True))

    assert whole == document_of(3, 500, is_broken=False)
    assert len(whole) >= 500
    assert read_document(whole).root == "order"
    with pytest.raises(BadDocument, match="not well-formed"):
        read_document(broken)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>', "DOCTYPE"),
        ("<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1), "deeper"),
        ("<a>" + "x" * LONGEST_DOCUMENT + "</a>", "characters"),
    ],
)
def test_document_that_could_do_harm_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadDocument, match=reason):
        read_document(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ROBOT_SOONEST_SECONDS", "soon"), ("ROBOT_RECORDS_URL", "ftp://x"), ("ROBOT_WORK_SECONDS", "-1")],
)
def test_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        settings_of({name: value})


def test_latest_before_soonest_is_refused() -> None:
    with pytest.raises(ConfigError, match="latest_seconds"):
        settings_of({"ROBOT_SOONEST_SECONDS": "9", "ROBOT_LATEST_SECONDS": "3"})


def test_start_whose_pause_another_start_changed_gets_its_own(
    http: FlaskClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.post("/api/wstart", json=ORDER)
    http.post("/api/wstop")
    edit, others = ScheduleHandle.edit, [Loop(99)]

    def edit_and_another(self: ScheduleHandle, *, when: Loop) -> ScheduleHandle:
        edited = edit(self, when=when)
        while others:
            edit(app.schedules.get(self.name), when=others.pop())
        return edited

    monkeypatch.setattr(ScheduleHandle, "edit", edit_and_another)
    answer = http.post("/api/wstart", json={**ORDER, "timedelta": 30})

    assert not others
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["timedelta"]) == (202, "started", 30)
    assert answer.get_json()["next_at"] == (clock() + timedelta(seconds=30)).isoformat()


def test_start_that_comes_a_moment_after_another_changes_nothing_of_that(
    http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.post("/api/wstart", json=ORDER)
    http.post("/api/wstop")
    edit, others = ScheduleHandle.edit, [{**ORDER, "timedelta": 15, "msg": "the quicker one"}]

    def edit_late(self: ScheduleHandle, *, when: Loop) -> ScheduleHandle:
        if others:
            assert http.application.test_client().post("/api/wstart", json=others.pop()).status_code == 202
        return edit(self, when=when)

    monkeypatch.setattr(ScheduleHandle, "edit", edit_late)
    answer = http.post("/api/wstart", json={**ORDER, "timedelta": 77})
    view = http.get("/api/wstatus").get_json()

    assert answer.status_code == 422
    assert (view["status"], view["timedelta"], view["msg"]) == ("started", 15, "the quicker one")

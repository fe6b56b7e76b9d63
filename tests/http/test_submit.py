from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient

from tests.http.hand import Hand
from workmill import App, Job

JSON = {"Content-Type": "application/json"}


async def stored(app: App) -> list[Job]:
    return list((await app.ajobs()).jobs)


async def test_a_submitted_job_is_answered_with_its_address_and_when_to_ask_again(
    app: App, client: AsyncClient
) -> None:
    answer = await client.post("/v1/tasks/add/jobs", json={"a": 1})

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Prefer, Authorization"
    assert (job["task"], job["state"], job["done"], job["args"]) == ("add", "queued", False, {"a": 1})
    assert job == (await app.ajob(job["id"])).document()


async def test_the_body_may_be_left_out_where_nothing_is_required(client: AsyncClient) -> None:
    answer = await client.post("/v1/tasks/tick/jobs")

    assert answer.status_code == 202
    assert answer.json()["args"] == {}


async def test_options_stand_in_the_query(client: AsyncClient) -> None:
    moment = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    query = {"queue": "slow", "priority": "-7", "run_at": moment.isoformat()}

    job = (await client.post("/v1/tasks/add/jobs", params=query, json={"a": 1})).json()

    assert (job["queue"], job["priority"], job["state"]) == ("slow", -7, "scheduled")
    assert datetime.fromisoformat(job["run_at"]) == moment


async def test_a_delay_schedules_the_job(client: AsyncClient) -> None:
    job = (await client.post("/v1/tasks/add/jobs?delay=3600.5", json={"a": 1})).json()

    assert job["state"] == "scheduled"
    assert datetime.fromisoformat(job["run_at"]) > datetime.now(UTC) + timedelta(minutes=50)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("priority=101", "priority"),
        ("priority=high", "priority"),
        ("priority=1.5", "priority"),
        ("priority=", "priority"),
        ("priority=1&priority=2", "priority"),
        ("priority=" + "9" * 5000, "priority"),
        ("queue=a%20b", "queue"),
        ("queue=", "queue"),
        ("delay=-1", "delay"),
        ("delay=nan", "delay"),
        ("delay=1e999", "delay"),
        ("delay=1e300", "delay"),
        ("delay=1_0", "delay"),
        ("run_at=tomorrow", "run_at"),
        ("run_at=2026-01-31T12:00:00", "run_at"),
        ("run_at=2026-02-31T12:00:00Z", "run_at"),
        ("run_at=2030-01-31T12:00:00Z&delay=1", "delay"),
        ("wait=soon", "wait"),
        ("wait=-1", "wait"),
        ("prio=1", "prio"),
    ],
)
async def test_a_wrong_option_is_named_and_nothing_is_stored(
    app: App, client: AsyncClient, query: str, parameter: str
) -> None:
    answer = await client.post(f"/v1/tasks/add/jobs?{query}", json={"a": 1})

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:workmill:problem:invalid-parameter"
    assert [error["parameter"] for error in problem["errors"]] == [parameter]
    assert problem["detail"].startswith(f"{parameter}=")
    assert len(problem["detail"]) < 400
    assert not await stored(app)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"a": "1"}', ["#/a"]),
        (b'{"a": true}', ["#/a"]),
        (b'{"a": 1.5}', ["#/a"]),
        (b'{"a": null}', ["#/a"]),
        (b"{}", ["#/a"]),
        (b'{"a": 1, "c": 2}', ["#/c"]),
        (b'{"a": "x", "b": "y"}', ["#/a", "#/b"]),
        (b"[1]", ["#"]),
        (b"null", ["#"]),
    ],
)
async def test_wrong_arguments_are_named_place_by_place_and_nothing_is_stored(
    app: App, client: AsyncClient, body: bytes, pointers: list[str]
) -> None:
    answer = await client.post("/v1/tasks/add/jobs", content=body, headers=JSON)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:workmill:problem:validation-failed"
    assert problem["task"] == "add"
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert all(error["detail"] and error["type"] for error in problem["errors"])
    assert ["given" in error for error in problem["errors"]] == [
        error["type"] != "missing" for error in problem["errors"]
    ]
    assert not await stored(app)


@pytest.mark.parametrize("body", [b"", b"{", b"a=1", b"\xff\xfe", b'{"a": 1} x'])
async def test_what_is_not_json_is_400(app: App, client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/tasks/add/jobs", content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:workmill:problem:malformed-json"
    assert not await stored(app)


async def test_an_unknown_task_is_404_and_the_known_ones_are_named(client: AsyncClient) -> None:
    answer = await client.post("/v1/tasks/ad/jobs", json={"a": 1})

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:workmill:problem:task-not-found"
    assert "add, echo, plane.move, tick" in answer.json()["detail"]


async def test_the_same_key_and_arguments_give_the_same_job(app: App, client: AsyncClient) -> None:
    first = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers={"Idempotency-Key": '"k 1"'})
    again = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers={"Idempotency-Key": "k 1"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["key"] == "k 1"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await stored(app)) == 1


async def test_a_repeat_of_a_job_that_has_ended_is_200(client: AsyncClient, hand: Hand) -> None:
    key = {"Idempotency-Key": "once"}
    await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=key)
    await hand.succeed(await hand.take(), b"3")

    again = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=key)

    assert again.status_code == 200
    assert again.json()["result"] == 3
    assert "retry-after" not in again.headers


async def test_the_same_key_with_other_arguments_is_422_and_names_the_job(app: App, client: AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=key)

    other = await client.post("/v1/tasks/add/jobs", json={"a": 2}, headers=key)

    assert other.status_code == 422
    assert other.json()["type"] == "urn:workmill:problem:idempotency-key-reused"
    assert other.json()["id"] == first.json()["id"]
    assert len(await stored(app)) == 1


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "k\tk", "ä"])
async def test_a_key_that_cannot_be_one_is_refused(app: App, client: AsyncClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}

    answer = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert not await stored(app)


async def test_two_keys_contradict_each_other(app: App, client: AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    answer = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:workmill:problem:malformed-request"
    assert not await stored(app)

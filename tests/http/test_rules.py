"""Submitting where rules stand: unique jobs, full queues, jobs to follow, expiry; batches; actions on many jobs."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

from workmill import App, JobState, Limit, Rate, Unique

UNUSED_ID = "c313eb0f-4207-4051-b033-ae23d4724cd1"


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:workmill:problem:")


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("on_conflict", ["return", "skip"])
async def test_a_job_that_is_there_is_the_answer(app: App, client: AsyncClient, on_conflict: str) -> None:
    app.task(name="start", unique=Unique(by=(), on_conflict=on_conflict))(lambda: None)
    first = await client.post("/v1/tasks/start/jobs")

    again = await client.post("/v1/tasks/start/jobs")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in again.headers


async def test_a_second_one_is_refused_with_the_id(app: App, client: AsyncClient) -> None:
    app.task(name="start", unique=Unique(by=()))(lambda: None)
    first = await client.post("/v1/tasks/start/jobs")

    again = await client.post("/v1/tasks/start/jobs")
    assert (again.status_code, slug(again)) == (409, "unique-conflict")
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "queued")
    await app.adrain()
    assert (await client.post("/v1/tasks/start/jobs")).status_code == 202
    retried = await client.post(f"{first.headers['location']}/retry")
    assert (retried.status_code, slug(retried)) == (409, "unique-conflict")


async def test_a_key_of_a_unique_job_is_replayed(app: App, client: AsyncClient) -> None:
    app.task(name="start", unique=Unique(by=()))(lambda: None)
    headers = {"Idempotency-Key": "k"}
    await client.post("/v1/tasks/start/jobs", headers=headers)

    again = await client.post("/v1/tasks/start/jobs", headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")


async def test_a_task_says_its_rules(app: App, client: AsyncClient) -> None:
    @app.task(
        unique=Unique(by=("tenant",), within=60),
        limit=[Limit(5), Limit(rate=Rate(10, per=60), key="{tenant}")],
        expires=30,
    )
    def mail(tenant: str) -> None: ...

    app.task(name="start", unique=Unique(key="{a}"))(lambda a: a)
    task = (await client.get("/v1/tasks/mail")).json()
    assert (task["unique"]["by"], task["unique"]["key"], task["unique"]["within_seconds"]) == (["tenant"], None, 60)
    assert (len(task["unique"]["states"]), task["unique"]["on_conflict"]) == (8, "reject")
    assert [(limit["scope"], limit["name"], limit["key"]) for limit in task["limits"]] == [
        ("task", "mail", None),
        ("key", "mail.tenant", "{tenant}"),
    ]
    assert [limit["running"] for limit in task["limits"]] == [5, None]
    assert [limit["rate"] for limit in task["limits"]] == [None, {"count": 10, "per_seconds": 60}]
    assert task["expires_seconds"] == 30
    plain = (await client.get("/v1/tasks/tick")).json()
    assert (plain["unique"], plain["limits"], plain["expires_seconds"]) == (None, [], None)
    assert (await client.get("/v1/tasks/start")).json()["unique"]["key"] == "{a}"


async def test_a_full_queue_is_503_with_a_time_to_come_back(app: App, client: AsyncClient) -> None:
    await app.queue("default").alimit(waiting=1)
    await client.post("/v1/tasks/tick/jobs")

    full = await client.post("/v1/tasks/tick/jobs")
    assert (full.status_code, slug(full), int(full.headers["retry-after"]) > 0) == (503, "queue-full", True)
    assert (full.json()["queue"], full.json()["waiting"]) == ("default", 1)


async def test_a_job_follows_others_and_expires(app: App, client: AsyncClient) -> None:
    first = (await client.post("/v1/tasks/tick/jobs")).json()["id"]
    second = (await client.post("/v1/tasks/tick/jobs?delay=60")).json()["id"]

    answer = await client.post(f"/v1/tasks/tick/jobs?after={first}&after={second}&needs=end&expires=30")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert (await app.ajob(answer.json()["id"])).record.policy.expires is not None
    why = (await client.get(f"/v1/jobs/{answer.json()['id']}/why")).json()
    assert (why["code"], why["details"]) == ("waiting", {"jobs": [first, second], "missing": 2})


async def test_a_job_cannot_follow_what_is_not_there(client: AsyncClient) -> None:
    answer = await client.post(f"/v1/tasks/tick/jobs?after={UNUSED_ID}")

    assert (answer.status_code, slug(answer), answer.json()["id"]) == (422, "parent-not-found", UNUSED_ID)


@pytest.mark.parametrize("query", ["after=x", "needs=luck", "needs=end", "expires=0", "expires=-1"])
async def test_an_option_that_cannot_be_is_refused(client: AsyncClient, query: str) -> None:
    answer = await client.post(f"/v1/tasks/tick/jobs?{query}")

    assert (answer.status_code, slug(answer)) == (422, "invalid-parameter")
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_a_batch_is_stored_in_its_order(client: AsyncClient) -> None:
    first = (await client.post("/v1/tasks/tick/jobs")).json()["id"]
    jobs = [
        {"task": "add", "args": {"a": 2**70}, "queue": "sums", "priority": 5, "key": "k", "expires": 60},
        {"task": "tick", "delay": 60},
        {"task": "tick", "run_at": "2999-01-01T00:00:00Z"},
        {"task": "tick", "after": [first], "needs": "end"},
    ]

    answer = await client.post("/v1/jobs/batch", json={"jobs": jobs})
    assert answer.status_code == 202
    items = answer.json()["items"]
    assert [(item["created"], item["job"]["task"], item["job"]["state"]) for item in items] == [
        (True, "add", "queued"),
        (True, "tick", "scheduled"),
        (True, "tick", "scheduled"),
        (True, "tick", "waiting"),
    ]
    shown = items[0]["job"]
    assert (shown["args"], shown["queue"], shown["priority"], shown["key"]) == ({"a": 2**70}, "sums", 5, "k")
    again = await client.post("/v1/jobs/batch", json={"jobs": jobs[:1]})
    assert [(item["created"], item["job"]["id"]) for item in again.json()["items"]] == [(False, shown["id"])]


async def test_a_batch_is_refused_as_a_whole_with_each_place(app: App, client: AsyncClient) -> None:
    jobs: list[object] = [
        {"task": "add", "args": {"a": 1}},
        {"task": "add", "args": {"a": "1", "c": 2}},
        {"task": "sub"},
        {"args": {}},
        5,
        {"task": "tick", "priority": 101, "queue": "no name", "key": "", "args": []},
        {"task": "tick", "delay": 1, "run_at": "2999-01-01T00:00:00Z"},
        {"task": "tick", "after": "x", "needs": 5, "expires": 0},
        {"task": "\ud800"},
    ]

    answer = await client.post("/v1/jobs/batch", content=_ascii({"jobs": jobs}), headers=_JSON)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert pointers(answer) == [
        *("#/jobs/1/args/a", "#/jobs/1/args/c", "#/jobs/2/task", "#/jobs/3/task", "#/jobs/4"),
        *("#/jobs/5/args", "#/jobs/5/queue", "#/jobs/5/priority", "#/jobs/5/key", "#/jobs/6/delay"),
        *("#/jobs/7/expires", "#/jobs/7/after", "#/jobs/7/needs", "#/jobs/8/task"),
    ]
    assert (await app.ajobs()).jobs == ()


_JSON = {"Content-Type": "application/json"}


def _ascii(value: object) -> str:
    return json.dumps(value)  # lone surrogates stay escapes


@pytest.mark.parametrize("jobs", [[], {}, None, [{"task": "tick"}] * 1001])
async def test_a_batch_has_one_to_a_thousand_jobs(client: AsyncClient, jobs: object) -> None:
    answer = await client.post("/v1/jobs/batch", json={"jobs": jobs})

    assert (answer.status_code, pointers(answer)) == (422, ["#/jobs"])


async def test_a_batch_meets_the_rules(app: App, client: AsyncClient) -> None:
    app.task(name="start", unique=Unique(by=()))(lambda: None)
    keyed = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers={"Idempotency-Key": "k"})

    twice = await client.post("/v1/jobs/batch", json={"jobs": [{"task": "start"}, {"task": "start"}]})
    assert (twice.status_code, slug(twice)) == (409, "unique-conflict")
    reused = await client.post("/v1/jobs/batch", json={"jobs": [{"task": "add", "args": {"a": 2}, "key": "k"}]})
    assert (reused.status_code, slug(reused), reused.json()["id"]) == (
        422,
        "idempotency-key-reused",
        keyed.json()["id"],
    )
    assert len((await app.ajobs()).jobs) == 1


async def test_jobs_are_cancelled_after_a_dry_run(app: App, client: AsyncClient) -> None:
    jobs = [await app.tasks["add"].aenqueue(number) for number in range(3)]
    await app.tasks["tick"].aenqueue()
    body = {"action": "cancel", "filter": {"tasks": ["add"], "states": ["queued"]}}

    dry = await client.post("/v1/jobs/actions", json={**body, "dry_run": True})
    assert (dry.status_code, dry.json()["matched"], dry.json()["done"]) == (200, 3, 0)
    assert set(dry.json()["jobs"]) == {job.id for job in jobs}
    assert {(await job.arefresh()).state for job in jobs} == {JobState.QUEUED}

    wrong = await client.post("/v1/jobs/actions", json={**body, "expected_count": 4})
    assert (wrong.status_code, slug(wrong), wrong.json()["found"]) == (409, "count-changed", 3)
    done = await client.post("/v1/jobs/actions", json={**body, "expected_count": 3, "reason": "a typo"})
    assert (done.status_code, done.json()["done"], done.json()["refused"]) == (200, 3, [])
    assert {(await job.arefresh()).record.cancel_reason for job in jobs} == {"a typo"}


async def test_failed_jobs_are_retried(app: App, client: AsyncClient) -> None:
    failed = await app.task(name="fail")(_fail).aenqueue()
    await app.adrain()

    answer = await client.post("/v1/jobs/actions", json={"action": "retry", "expected_count": 1})
    [new] = answer.json()["jobs"]
    assert (await app.ajob(new)).record.retry_of == failed.id


async def test_failed_jobs_are_retried_once_for_each_idempotency_key(app: App, client: AsyncClient) -> None:
    await app.task(name="fail")(_fail).aenqueue()
    await app.adrain()
    body = {"action": "retry", "expected_count": 1}

    made = [
        (await client.post("/v1/jobs/actions", json=body, headers={"Idempotency-Key": key})).json()["jobs"]
        for key in ("one", "one", "another")
    ]

    assert made[0] == made[1] != made[2]


def _fail() -> None:
    raise OSError


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "#/action"),
        ({"action": "delete", "dry_run": True}, "#/action"),
        ({"action": []}, "#/action"),
        ({"action": "cancel"}, "#/expected_count"),
        ({"action": "cancel", "dry_run": "yes"}, "#/dry_run"),
        ({"action": "cancel", "filter": []}, "#/filter"),
        ({"action": "cancel", "filter": {"task": "add"}}, "#/filter/task"),
        ({"action": "cancel", "filter": {"tasks": "add"}}, "#/filter/tasks"),
        ({"action": "cancel", "filter": {"tasks": [5]}}, "#/filter/tasks"),
        ({"action": "cancel", "filter": {"created_after": "today"}}, "#/filter/created_after"),
        ({"action": "cancel", "dry_run": True, "filter": {"states": ["failed"]}}, "states"),
        ({"action": "cancel", "dry_run": True, "reason": "\0"}, "#/reason"),
    ],
)
async def test_an_action_that_cannot_be_is_refused(client: AsyncClient, body: object, where: str) -> None:
    answer = await client.post("/v1/jobs/actions", json=body)

    error = answer.json()["errors"][0]
    assert (answer.status_code, error.get("pointer") or error["parameter"]) == (422, where)

"""`/v1/queues`, `/v1/limits` and `/v1/jobs/{id}/why`."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from workmill import App, JobState


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:workmill:problem:")


async def test_a_queue_is_paused_and_resumed(app: App, client: AsyncClient) -> None:
    job = await app.tasks["add"].aenqueue(1)

    paused = await client.post("/v1/queues/default/pause", json={"by": "anna"})
    assert (paused.status_code, paused.json()["paused"], paused.json()["paused_by"]) == (200, True, "anna")
    assert await app.adrain() == 0
    why = (await client.get(f"/v1/jobs/{job.id}/why")).json()
    assert (why["code"], why["details"]["by"]) == ("paused", "anna")
    assert "by anna" in why["sentence"]

    assert (await client.post("/v1/queues/default/resume")).json()["paused"] is False
    assert await app.adrain() == 1
    assert (await client.get(f"/v1/jobs/{job.id}/why")).json()["code"] == "final"


async def test_queues_are_listed(app: App, client: AsyncClient) -> None:
    await app.tasks["add"].aenqueue(1)
    async with app.working(queues=["taken"], name="anna"):
        items = (await client.get("/v1/queues")).json()["items"]

    assert [queue["name"] for queue in items] == ["default", "plane", "taken"]
    assert (items[0]["counts"], items[0]["unbegun"]) == ({"queued": 1}, 1)
    assert [worker["name"] for worker in items[2]["workers"]] == ["anna"]


async def test_a_queue_that_nobody_spoke_of_is_empty(client: AsyncClient) -> None:
    queue = (await client.get("/v1/queues/unheard.of")).json()

    assert (queue["counts"], queue["paused"], queue["limit"], queue["workers"]) == ({}, False, None, [])


async def test_a_purge_needs_the_count(app: App, client: AsyncClient) -> None:
    job = await app.tasks["add"].aenqueue(1)

    without = await client.post("/v1/queues/default/purge")
    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (422, "#/expected_count")
    wrong = await client.post("/v1/queues/default/purge", json={"expected_count": 2})
    assert (wrong.status_code, slug(wrong), wrong.json()["found"]) == (409, "count-changed", 1)
    assert (await job.arefresh()).state is JobState.QUEUED
    right = await client.post("/v1/queues/default/purge", json={"expected_count": 1.0})
    assert (right.status_code, right.json()) == (200, {"cancelled": 1})
    assert (await job.arefresh()).state is JobState.CANCELLED


async def test_a_limit_is_put_and_taken_back(app: App, client: AsyncClient) -> None:
    body = {"running": 2, "rate": {"count": 3, "per_seconds": 1.5}, "waiting": 10}

    put = await client.put("/v1/limits/queue/default", json=body)
    assert put.status_code == 200
    [limit] = put.json()["items"]
    assert {name: limit[name] for name in body} == body
    assert (await client.get("/v1/limits")).json()["items"] == [limit]
    assert (await client.get("/v1/queues/default")).json()["limit"] == limit

    await client.put("/v1/limits/task/add", json={"running": 0})
    await app.tasks["add"].aenqueue(1)
    assert await app.adrain() == 0
    for _ in range(2):
        assert (await client.delete("/v1/limits/task/add")).json() == {"items": []}
    assert await app.adrain() == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "where"),
    [
        ("POST", "/v1/queues/no name/pause", {}, "queue"),
        ("GET", "/v1/queues/no name", None, "queue"),
        ("POST", "/v1/queues/a/pause", {"by": ""}, "#/by"),
        ("POST", "/v1/queues/a/pause", {"by": 5}, "#/by"),
        ("POST", "/v1/queues/a/pause", {"who": "me"}, "#/who"),
        ("POST", "/v1/queues/a/resume", {"by": "me"}, "#/by"),
        ("POST", "/v1/queues/a/purge", {"expected_count": -1}, "#/expected_count"),
        ("POST", "/v1/queues/a/purge", {"expected_count": True}, "#/expected_count"),
        ("POST", "/v1/queues/a/purge?expected_count=1", {}, "expected_count"),
        ("PUT", "/v1/limits/tenant/a", {}, "scope"),
        ("DELETE", "/v1/limits/tenant/a", None, "scope"),
        ("PUT", "/v1/limits/task/no name", {}, "name"),
        ("PUT", "/v1/limits/task/a", {"running": -1}, "#/running"),
        ("PUT", "/v1/limits/task/a", {"running": 1.5}, "#/running"),
        ("PUT", "/v1/limits/task/a", {"waiting": 1}, "waiting"),
        ("PUT", "/v1/limits/task/a", {"rate": 5}, "#/rate"),
        ("PUT", "/v1/limits/task/a", {"rate": {"count": 1}}, "#/rate"),
        ("PUT", "/v1/limits/task/a", {"rate": {"count": 0, "per_seconds": 1}}, "#/rate"),
        ("PUT", "/v1/limits/task/a", {"rate": {"count": 1, "per_seconds": 0}}, "#/rate"),
        ("PUT", "/v1/limits/task/a", {"rate": {"count": 1, "per_seconds": 1e-9}}, "#/rate"),
        ("PUT", "/v1/limits/task/a", {"rate": {"count": 1, "per_seconds": "1"}}, "#/rate"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    client: AsyncClient, method: str, path: str, body: object, where: str
) -> None:
    answer = await client.request(method, path, **({} if body is None else {"json": body}))  # type: ignore[arg-type] # JSON

    [error] = answer.json()["errors"]
    assert (answer.status_code, error.get("pointer") or error["parameter"]) == (422, where)


async def test_why_of_a_job_that_is_not_there_is_404(client: AsyncClient) -> None:
    answer = await client.get("/v1/jobs/c313eb0f-4207-4051-b033-ae23d4724cd1/why")

    assert (answer.status_code, slug(answer)) == (404, "job-not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_another_site_changes_no_limit(client: AsyncClient, method: str) -> None:
    answer = await client.request(method, "/v1/limits/task/add", headers={"Origin": "https://evil.example"})

    assert (answer.status_code, slug(answer)) == (403, "cross-site-request")

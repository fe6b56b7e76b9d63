"""`/v1/schedules`."""

from dataclasses import replace
from typing import Any

import pytest
from httpx2 import AsyncClient

from workmill import App, Every
from workmill.words.schedule import NewSchedule

NEW = {"task": "add", "args": {"a": 1}, "when": "every 30"}


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:workmill:problem:")


async def test_a_schedule_is_made_shown_and_listed(client: AsyncClient) -> None:
    made = await client.put("/v1/schedules/s", json={**NEW, "when": "cron 0 9 * * 1-5 Europe/Berlin", "queue": "mail"})

    assert (made.status_code, made.headers["Location"]) == (201, "/v1/schedules/s")
    shown = await client.get("/v1/schedules/s")
    body = shown.json()
    assert shown.headers["ETag"] == made.headers["ETag"] == f'"{body["edition"]}"'
    assert (body["when"], body["task"], body["queue"]) == ("cron 0 9 * * 1-5 Europe/Berlin", "add", "mail")
    assert (body["args"], body["active"], body["declared"], body["overlap"]) == ({"a": 1}, True, False, "skip")
    assert (len(body["next"]), body["outcomes"]) == (5, [])
    page = (await client.get("/v1/schedules")).json()
    assert ([each["name"] for each in page["items"]], page["next_cursor"]) == (["s"], None)
    assert "outcomes" not in page["items"][0]


async def test_schedules_are_listed_in_pages(client: AsyncClient) -> None:
    for name in ("b", "a"):
        await client.put(f"/v1/schedules/{name}", json=NEW)

    first = (await client.get("/v1/schedules", params={"limit": 1})).json()
    rest = (await client.get("/v1/schedules", params={"limit": 1, "cursor": first["next_cursor"]})).json()

    assert [first["items"][0]["name"], rest["items"][0]["name"]] == ["a", "b"]
    assert slug(await client.get("/v1/schedules", params={"cursor": "x" * 2000})) == "invalid-cursor"


async def test_an_edit_names_the_version_that_it_changes(client: AsyncClient) -> None:
    tag = (await client.put("/v1/schedules/s", json=NEW)).headers["ETag"]

    without = await client.put("/v1/schedules/s", json=NEW)
    edited = await client.put("/v1/schedules/s", json={**NEW, "when": "loop 5"}, headers={"If-Match": tag})
    stale = await client.patch("/v1/schedules/s", json={"when": "every 60"}, headers={"If-Match": tag})
    patched = await client.patch(
        "/v1/schedules/s",
        json={"args": {"a": 7}, "priority": 5, "overlap": "allow"},
        headers={"If-Match": edited.headers["ETag"]},
    )

    assert (without.status_code, slug(without)) == (428, "precondition-required")
    assert (edited.status_code, edited.json()["when"]) == (200, "loop 5")
    assert (stale.status_code, slug(stale)) == (412, "precondition-failed")
    body = patched.json()
    assert (body["when"], body["args"], body["priority"], body["overlap"]) == ("loop 5", {"a": 7}, 5, "allow")
    assert slug(await client.patch("/v1/schedules/s", json={})) == "precondition-required"
    await client.post("/v1/schedules/s/stop")  # does not edit it
    again = await client.patch("/v1/schedules/s", json={"missed": "all"}, headers={"If-Match": patched.headers["ETag"]})
    assert (again.status_code, again.json()["active"]) == (200, False)
    for tag in ("*", '"x"', '"1", "2"', "1"):
        refused = await client.patch("/v1/schedules/s", json={}, headers={"If-Match": tag})
        assert (refused.status_code, slug(refused)) == (412, "precondition-failed")


async def test_a_schedule_is_started_stopped_triggered_and_deleted(app: App, client: AsyncClient) -> None:
    await client.put("/v1/schedules/s", json={**NEW, "active": False})

    started = await client.post("/v1/schedules/s/start", json={"delay": 60, "args": {"a": 5}})
    again = await client.post("/v1/schedules/s/start")
    stopped = await client.post("/v1/schedules/s/stop", json={"cancel_running": True})
    triggered = await client.post("/v1/schedules/s/trigger")
    busy = await client.post("/v1/schedules/s/trigger")
    await app.adrain()
    shown = (await client.get("/v1/schedules/s")).json()
    deleted = await client.delete("/v1/schedules/s")

    assert (started.json()["active"], started.json()["args"]) == (True, {"a": 5})
    assert (again.status_code, slug(again)) == (409, "schedule-active")
    assert (stopped.status_code, stopped.json()["active"]) == (200, False)
    assert (triggered.status_code, triggered.json()["schedule"]) == (202, "s")
    assert triggered.headers["Location"] == f"/v1/jobs/{triggered.json()['id']}"
    assert (busy.status_code, slug(busy)) == (409, "schedule-busy")
    assert [(each["state"], each["id"]) for each in shown["outcomes"]] == [("succeeded", triggered.json()["id"])]
    assert deleted.status_code == 204
    assert slug(await client.get("/v1/schedules/s")) == "schedule-not-found"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"when": "cron 0 0 30 2 * UTC"}, "#/when"),
        ({"when": "cron 0 9 * * * Mars/Base"}, "#/when"),
        ({"when": "sometimes"}, "#/when"),
        ({"when": "every " + "9" * 500}, "#/when"),
        ({"when": 5}, "#/when"),
        ({"task": "unknown"}, "#/task"),
        ({"args": {"a": "x"}}, "#/args/a"),
        ({"overlap": "maybe"}, "#/overlap"),
        ({"missed": 1}, "#/missed"),
        ({"other": 1}, "#/other"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    client: AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    answer = await client.put("/v1/schedules/s", json={**NEW, **change})

    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_name_that_can_be_none_is_refused(client: AsyncClient) -> None:
    assert (await client.put("/v1/schedules/no%20name", json=NEW)).status_code == 422
    assert (await client.get("/v1/schedules/no%20name")).status_code == 404


async def test_start_with_wrong_arguments_changes_nothing(client: AsyncClient) -> None:
    await client.put("/v1/schedules/s", json={**NEW, "active": False})

    answer = await client.post("/v1/schedules/s/start", json={"args": {"c": 1}})

    assert answer.status_code == 422
    assert (await client.get("/v1/schedules/s")).json()["active"] is False


async def test_one_whose_time_zone_is_unknown_here_is_shown(app: App, client: AsyncClient) -> None:
    schedule = await app.schedules.acreate("s", app.tasks["add"].job(1), Every(30))
    elsewhere = NewSchedule(plan=replace(schedule.info.plan, when="cron 0 9 * * * Mars/Base"), next_at=None)
    await app._portal.arun(lambda session: session.store.put_schedules([elsewhere]))  # noqa: SLF001 - by another machine

    shown = await client.get("/v1/schedules/s")

    assert (shown.status_code, shown.json()["next"]) == (200, [])

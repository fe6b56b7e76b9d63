"""`POST /v1/jobs/{id}/retry`."""

from uuid import UUID

import pytest
from httpx2 import AsyncClient

from tests.http.hand import Hand
from workmill import App


@pytest.fixture
async def failed(app: App, hand: Hand) -> str:
    """The id of a job that has failed."""
    job_id = (await app.tasks["add"].using(queue="sums", key="k").aenqueue(1)).id
    await hand.fail(await hand.take())
    return job_id


def problem(answer: object) -> str:
    found: str = answer.json()["type"]  # type: ignore[attr-defined]
    return found.removeprefix("urn:workmill:problem:")


async def test_a_job_that_has_ended_is_run_again_as_a_new_one(client: AsyncClient, failed: str) -> None:
    before = (await client.get(f"/v1/jobs/{failed}")).json()

    answer = await client.post(f"/v1/jobs/{failed}/retry")

    new = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{new['id']}"
    assert new["id"] != failed
    assert (new["retry_of"], new["task"], new["queue"], new["args"]) == (failed, "add", "sums", before["args"])
    assert (new["state"], new["attempt"], new["key"]) == ("queued", 0, None)
    assert (await client.get(f"/v1/jobs/{failed}")).json() == before
    assert (await client.get(answer.headers["location"])).json() == new


@pytest.mark.parametrize("body", [{}, {"arguments": None}])
async def test_without_arguments_they_are_the_old_ones(client: AsyncClient, failed: str, body: object) -> None:
    assert (await client.post(f"/v1/jobs/{failed}/retry", json=body)).json()["args"] == {"a": 1}


async def test_arguments_stand_in_place_of_all_the_old_ones(client: AsyncClient, failed: str) -> None:
    answer = await client.post(f"/v1/jobs/{failed}/retry", json={"arguments": {"a": 18446744073709551617}})

    assert (answer.status_code, answer.json()["args"]) == (202, {"a": 18446744073709551617})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"arguments": {"a": "1"}}', "#/arguments/a"),
        ('{"arguments": {"a": true}}', "#/arguments/a"),
        ('{"arguments": {"b": 1}}', "#/arguments/a"),
        ('{"arguments": {"a": 1, "c": 2}}', "#/arguments/c"),
        ('{"arguments": {"a": "\\ud800"}}', "#/arguments"),
        ('{"arguments": [1]}', "#/arguments"),
        ('{"args": {"a": 1}}', "#/args"),
        ("[]", "#"),
    ],
)
async def test_what_does_not_match_is_refused_with_its_place(
    client: AsyncClient, failed: str, body: str, pointer: str
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await client.post(f"/v1/jobs/{failed}/retry", content=body, headers=headers)

    assert (answer.status_code, problem(answer)) == (422, "validation-failed")
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert len((await client.get("/v1/jobs")).json()["items"]) == 1


@pytest.mark.parametrize("body", ["{", '{"arguments": {"a": NaN}}', '{"arguments": {"a": 1, "a": 2}}', "\ud7ff"])
async def test_what_is_no_json_is_refused(client: AsyncClient, failed: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await client.post(f"/v1/jobs/{failed}/retry", content=body.encode(), headers=headers)

    assert (answer.status_code, problem(answer)) == (400, "malformed-json")


async def test_a_job_that_has_not_ended_is_refused(app: App, client: AsyncClient) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id

    answer = await client.post(f"/v1/jobs/{job_id}/retry")

    assert (answer.status_code, problem(answer)) == (409, "job-not-finished")
    assert (answer.json()["id"], answer.json()["state"]) == (job_id, "queued")


@pytest.mark.parametrize("job_id", [str(UUID(int=0)), "nonsense"])
async def test_an_unknown_job_is_404(client: AsyncClient, job_id: str) -> None:
    answer = await client.post(f"/v1/jobs/{job_id}/retry")

    assert (answer.status_code, problem(answer)) == (404, "job-not-found")


async def test_a_key_makes_one_job_of_two_retries(client: AsyncClient, failed: str, hand: Hand) -> None:
    path, headers = f"/v1/jobs/{failed}/retry", {"Idempotency-Key": "again"}

    first = await client.post(path, headers=headers)
    second = await client.post(path, headers=headers)
    await hand.succeed(await hand.take(), b"3")
    third = await client.post(path, headers=headers)

    assert [each.status_code for each in (first, second, third)] == [202, 202, 200]
    assert {each.json()["id"] for each in (first, second, third)} == {first.json()["id"]}
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == third.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(("key", "body"), [("k", {}), ("again", {"arguments": {"a": 5}})])
async def test_a_key_of_another_call_is_refused(
    client: AsyncClient, failed: str, key: str, body: dict[str, object]
) -> None:
    await client.post(f"/v1/jobs/{failed}/retry", headers={"Idempotency-Key": "again"})

    answer = await client.post(f"/v1/jobs/{failed}/retry", headers={"Idempotency-Key": key}, json=body)

    assert (answer.status_code, problem(answer)) == (422, "idempotency-key-reused")


async def test_the_new_job_may_be_waited_for(app: App, client: AsyncClient, failed: str) -> None:
    async with app.working():
        answer = await client.post(f"/v1/jobs/{failed}/retry?wait=20")

    assert (answer.status_code, answer.json()["result"]) == (200, 3)


async def test_a_running_job_is_ended_by_force(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id
    await hand.take()
    path = f"/v1/jobs/{job_id}/cancel"

    asked = await client.post(path, json={"reason": "first"})
    forced = await client.post(path, json={"reason": "second", "force": True})

    assert (asked.status_code, asked.json()["cancel_forced"]) == (202, False)
    assert (forced.status_code, forced.json()["cancel_forced"]) == (202, True)
    assert (forced.json()["state"], forced.json()["cancel_reason"]) == ("running", "first")


@pytest.mark.parametrize("force", [1, "true", None])
async def test_force_is_true_or_false(app: App, client: AsyncClient, force: object) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id

    answer = await client.post(f"/v1/jobs/{job_id}/cancel", json={"force": force})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/force")

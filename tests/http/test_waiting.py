import asyncio
import time

import pytest
from httpx2 import AsyncClient

from tests.http.exchange import Exchange
from tests.http.hand import Hand
from workmill import App
from workmill.http import asgi

DEADLINE_SECONDS = 10.0


async def enqueue(app: App) -> str:
    return (await app.tasks["add"].aenqueue(1)).id


async def listeners(app: App) -> int:
    """Count who waits for a change at this application's one watch."""
    return await app._portal.arun(_count)  # noqa: SLF001 - there is no public way to see that a waiter is gone


async def _count(session: object) -> int:
    return sum(len(each) for each in session.watch._by_name.values())  # type: ignore[attr-defined]  # noqa: SLF001


async def until_listeners(app: App, count: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await listeners(app) != count:  # noqa: ASYNC110 - nobody tells that a waiter has come or gone
            await asyncio.sleep(0)


@pytest.mark.parametrize("asked", [{"params": {"wait": "9.5"}}, {"headers": {"Prefer": "respond-async, wait=9"}}])
async def test_a_wait_ends_when_the_job_does(
    app: App, client: AsyncClient, hand: Hand, asked: dict[str, dict[str, str]]
) -> None:
    job_id = await enqueue(app)
    waiting = asyncio.create_task(client.get(f"/v1/jobs/{job_id}", **asked))
    await until_listeners(app, 1)

    await hand.succeed(await hand.take(), b"3")
    answer = await asyncio.wait_for(waiting, 5)

    assert answer.status_code == 200
    assert (answer.json()["done"], answer.json()["result"]) == (True, 3)
    assert answer.headers.get("preference-applied") == ("wait=9" if "headers" in asked else None)
    await until_listeners(app, 0)


async def test_a_wait_does_not_end_by_progress(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    job = await hand.take()
    waiting = asyncio.create_task(client.get(f"/v1/jobs/{job_id}?wait=9"))
    await until_listeners(app, 1)

    await hand.report(job, 1)
    await hand.report(job, 2)
    await hand.succeed(job, b"3")

    assert (await asyncio.wait_for(waiting, 5)).json()["state"] == "succeeded"


async def test_a_wait_that_is_over_answers_with_the_job_as_it_is(app: App, client: AsyncClient) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}?wait=0.05")

    assert (answer.status_code, answer.json()["state"]) == (200, "queued")


async def test_a_submission_that_waits_answers_200_with_the_result(app: App, client: AsyncClient, hand: Hand) -> None:
    waiting = asyncio.create_task(
        client.post("/v1/tasks/add/jobs", json={"a": 1}, headers={"Prefer": "wait=5"}),
    )
    await until_listeners(app, 1)

    await hand.succeed(await hand.take(), b"3")
    answer = await asyncio.wait_for(waiting, 5)

    assert (answer.status_code, answer.json()["result"]) == (200, 3)
    assert answer.headers["preference-applied"] == "wait=5"
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"


async def test_a_submission_whose_wait_is_over_answers_202(client: AsyncClient) -> None:
    answer = await client.post("/v1/tasks/add/jobs?wait=0.05", json={"a": 1})

    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


async def test_a_result_is_waited_for(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    waiting = asyncio.create_task(client.get(f"/v1/jobs/{job_id}/result?wait=9"))
    await until_listeners(app, 1)

    await hand.succeed(await hand.take(), b"3")

    assert (await asyncio.wait_for(waiting, 5)).content == b"3"


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"0", "1"', "*"])
async def test_the_version_that_the_client_has_is_304(app: App, client: AsyncClient, tag: str) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": tag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("tag", ['"0"', "1", "nonsense", ""])
async def test_another_version_is_200(app: App, client: AsyncClient, tag: str) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}?wait=9", headers={"If-None-Match": tag})

    assert answer.status_code == 200


async def test_with_a_version_the_wait_ends_at_the_next_change(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    known = {"If-None-Match": '"1"', "Prefer": "wait=9"}
    waiting = asyncio.create_task(client.get(f"/v1/jobs/{job_id}", headers=known))
    await until_listeners(app, 1)

    await hand.take()
    answer = await asyncio.wait_for(waiting, 5)

    assert (answer.status_code, answer.json()["state"], answer.headers["etag"]) == (200, "running", '"2"')


async def test_without_a_change_the_wait_ends_in_304(app: App, client: AsyncClient) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}?wait=0.05", headers={"If-None-Match": '"1"'})

    assert answer.status_code == 304


async def test_a_job_that_has_ended_is_not_waited_for(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    await hand.succeed(await hand.take())
    tag = (await client.get(f"/v1/jobs/{job_id}")).headers["etag"]

    began = time.monotonic()
    answer = await client.get(f"/v1/jobs/{job_id}?wait=60", headers={"If-None-Match": tag})

    assert answer.status_code == 304
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("preference", ["wait=-1", "wait=soon", "wait=" + "9" * 5000, "handling=strict", ",;=", ""])
async def test_a_preference_that_cannot_be_read_is_ignored(app: App, client: AsyncClient, preference: str) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}", headers={"Prefer": preference})

    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "1e999", "", "1&wait=2"])
async def test_a_wait_in_the_query_that_cannot_be_read_is_422(app: App, client: AsyncClient, wait: str) -> None:
    job_id = await enqueue(app)

    answer = await client.get(f"/v1/jobs/{job_id}?wait={wait}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "wait"


async def test_a_long_wait_is_cut_and_says_so(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    await hand.succeed(await hand.take())

    answer = await client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=86400"})

    assert answer.headers["preference-applied"] == "wait=60"


async def test_a_client_that_goes_away_leaves_no_waiter_behind(app: App) -> None:
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}?wait=60") as exchange:
        await until_listeners(app, 1)
        exchange.leave()
        await exchange.ended()

    await until_listeners(app, 0)


async def test_a_submission_whose_client_goes_away_keeps_its_job(app: App) -> None:
    headers = {"content-type": "application/json"}
    api = asgi(app)

    async with Exchange.begin(
        api, "POST", "/v1/tasks/add/jobs?wait=60", headers=headers, body=[b'{"a":1}']
    ) as exchange:
        await until_listeners(app, 1)
        exchange.leave()
        await exchange.ended()

    await until_listeners(app, 0)
    assert [job.state for job in (await app.ajobs()).jobs] == ["queued"]


async def test_many_waiters_are_woken_by_one_change(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    waiting = [asyncio.create_task(client.get(f"/v1/jobs/{job_id}?wait=9")) for _ in range(50)]
    await until_listeners(app, 50)

    await hand.succeed(await hand.take(), b"3")
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 5)

    assert {answer.json()["result"] for answer in answers} == {3}

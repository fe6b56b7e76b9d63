"""`/v1/flows`."""

from typing import Any

from httpx2 import AsyncClient

from workmill import App, Every, Flow, chain, group


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:workmill:problem:")


async def test_a_flow_is_shown_with_its_graph(app: App, client: AsyncClient) -> None:
    add, flow = app.tasks["add"], Flow()
    first = flow.add(add.job(1))
    second = flow.add(add.step(), after=first)
    third = flow.add(app.tasks["tick"].job(), after=second, needs="end")
    await app.aenqueue_flow(flow)
    await app.adrain(limit=1)

    body = (await client.get(f"/v1/flows/{flow.id}")).json()

    assert (body["jobs"], body["ended"], body["done"], body["counts"]["waiting"]) == (3, 1, False, 1)
    assert [(node["id"], node["task"]) for node in body["nodes"]] == [
        (first.id, "add"),
        (second.id, "add"),
        (third.id, "tick"),
    ]
    assert body["edges"] == [
        {"from": first.id, "to": second.id, "needs": "success"},
        {"from": second.id, "to": third.id, "needs": "end"},
    ]
    assert body["complete"] is True
    assert (await client.get(f"/v1/jobs/{second.id}")).json()["flow"] == flow.id


async def test_flows_are_listed_in_pages(app: App, client: AsyncClient) -> None:
    made = [(await app.aenqueue_flow(group(app.tasks["add"].job(number)))).id for number in range(2)]

    first = (await client.get("/v1/flows", params={"limit": 1})).json()
    rest = (await client.get("/v1/flows", params={"limit": 1, "cursor": first["next_cursor"]})).json()

    assert {first["items"][0]["id"], rest["items"][0]["id"]} == set(made)
    assert rest["next_cursor"] is None
    assert slug(await client.get("/v1/flows", params={"cursor": "x"})) == "invalid-cursor"


async def test_a_flow_is_cancelled_and_retried(app: App, client: AsyncClient) -> None:
    add = app.tasks["add"]
    flow = await app.aenqueue_flow(chain(add.job(1), add.step()))
    at = f"/v1/flows/{flow.id}"

    early = await client.post(f"{at}/retry")
    cancelled = await client.post(f"{at}/cancel", json={"reason": "no"})
    retried = await client.post(f"{at}/retry")
    await app.adrain()

    assert (early.status_code, slug(early)) == (409, "flow-state")
    assert (cancelled.status_code, cancelled.json()["counts"]) == (200, {"cancelled": 2})
    assert retried.status_code == 202
    assert retried.headers["Location"] == f"/v1/flows/{retried.json()['id']}"
    assert [node["retry_of"] for node in retried.json()["nodes"]] == [job.id for job in await flow.ajobs()]
    done = (await client.get(retried.headers["Location"])).json()
    assert (done["done"], done["counts"], done["progress"]) == (True, {"succeeded": 2}, 1.0)


async def test_a_flow_that_is_not_there_is_not_found(client: AsyncClient) -> None:
    for flow_id in ("x", "01a1ff3f-6714-731d-ac51-cc45513c9c26"):
        answer = await client.get(f"/v1/flows/{flow_id}")
        assert (answer.status_code, slug(answer)) == (404, "flow-not-found")


async def test_jobs_are_listed_by_flow_and_schedule(app: App, client: AsyncClient) -> None:
    flow = await app.aenqueue_flow(group(app.tasks["add"].job(1), app.tasks["tick"].job()))
    other = await app.aenqueue_flow(group(app.tasks["add"].job(1)))
    schedule = await app.schedules.acreate("s", app.tasks["add"].job(1), Every(30))
    made = await schedule.atrigger()
    assert made is not None

    async def found(**params: Any) -> set[str]:
        return {job["id"] for job in (await client.get("/v1/jobs", params=params)).json()["items"]}

    assert await found(flow=flow.id, task="tick") == {(await flow.ajobs())[1].id}
    assert await found(flow=[flow.id, other.id]) == {job.id for each in (flow, other) for job in await each.ajobs()}
    assert await found(schedule="s") == {made.id}
    assert [job.id for job in (await app.ajobs(schedules=["s"])).jobs] == [made.id]

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient

from tests.http.hand import Hand
from workmill import AnyTask, App
from workmill.http import asgi


async def enqueue(task: AnyTask, *args: object, **kwargs: object) -> str:
    return (await task.aenqueue(*args, **kwargs)).id


async def test_a_job_is_shown_as_its_own_document(app: App, client: AsyncClient) -> None:
    handle = await app.tasks["add"].aenqueue(1)

    answer = await client.get(f"/v1/jobs/{handle.id}")

    assert answer.status_code == 200
    assert answer.json() == handle.document()
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["retry-after"] == "1"


async def test_a_failed_job_is_no_failure_of_the_server(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    await hand.fail(await hand.take(), "out of luck")

    answer = await client.get(f"/v1/jobs/{job_id}")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["error"]["message"]) == ("failed", "out of luck")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("path", ["", "/result", "/attempts", "/events"])
@pytest.mark.parametrize("job_id", [str(UUID(int=0)), "nonsense", "%00", "…"])
async def test_an_unknown_or_malformed_id_is_404(client: AsyncClient, job_id: str, path: str) -> None:
    answer = await client.get(f"/v1/jobs/{job_id}{path}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:workmill:problem:job-not-found"


async def test_integers_of_any_size_keep_every_digit(client: AsyncClient, hand: Hand) -> None:
    body = b'{"value": [9007199254740993, 18446744073709551617, -9223372036854775809]}'
    submitted = await client.post("/v1/tasks/echo/jobs", content=body, headers={"Content-Type": "application/json"})
    await hand.succeed(await hand.take(), b"9007199254740993")

    shown = await client.get(submitted.headers["location"])
    result = await client.get(submitted.headers["location"] + "/result")

    assert '"value":[9007199254740993,18446744073709551617,-9223372036854775809]' in shown.text
    assert '"result":9007199254740993' in shown.text
    assert result.content == b"9007199254740993"


async def test_a_result_is_the_stored_bytes(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["echo"], 1)
    await hand.succeed(await hand.take(), b'{"b": 1.10, "a": [1e2]}')

    answer = await client.get(f"/v1/jobs/{job_id}/result")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b'{"b": 1.10, "a": [1e2]}'


async def test_the_result_of_an_unfinished_job_is_409_and_says_when_to_ask_again(app: App, client: AsyncClient) -> None:
    job_id = await enqueue(app.tasks["add"], 1)

    answer = await client.get(f"/v1/jobs/{job_id}/result")

    assert answer.status_code == 409
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"] == "urn:workmill:problem:job-not-finished"
    assert answer.json()["state"] == "queued"


async def test_the_result_of_a_failed_job_is_409_with_its_error(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    await hand.fail(await hand.take(), "out of luck")

    answer = await client.get(f"/v1/jobs/{job_id}/result")

    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"] == "urn:workmill:problem:job-failed"
    assert problem["detail"] == f"job {job_id} failed: ValueError: out of luck"
    assert problem["error"]["kind"] == "error"
    assert "retry-after" not in answer.headers


async def test_the_result_of_a_cancelled_job_is_409_with_the_reason(app: App, client: AsyncClient) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    await client.post(f"/v1/jobs/{job_id}/cancel", json={"reason": "changed my mind"})

    answer = await client.get(f"/v1/jobs/{job_id}/result")

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:workmill:problem:job-cancelled"
    assert answer.json()["cancel_reason"] == "changed my mind"


async def test_a_job_that_waits_is_cancelled_at_once_and_again(app: App, client: AsyncClient) -> None:
    job_id = await enqueue(app.tasks["add"], 1)

    first = await client.post(f"/v1/jobs/{job_id}/cancel")
    again = await client.post(f"/v1/jobs/{job_id}/cancel", json={})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["state"] == "cancelled"
    assert again.json() == first.json()


async def test_a_running_job_is_asked_to_end(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    job = await hand.take()

    asked = await client.post(f"/v1/jobs/{job_id}/cancel", json={"reason": None})
    await hand.heed(job)
    ended = await client.post(f"/v1/jobs/{job_id}/cancel")

    assert (asked.status_code, asked.json()["state"]) == (202, "running")
    assert asked.json()["cancel_requested_at"] is not None
    assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")


async def test_a_job_that_ended_otherwise_cannot_be_cancelled(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    await hand.succeed(await hand.take())

    answer = await client.post(f"/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:workmill:problem:job-already-finished"
    assert answer.json()["state"] == "succeeded"


async def test_cancelling_an_unknown_job_is_404(client: AsyncClient) -> None:
    answer = await client.post(f"/v1/jobs/{uuid4()}/cancel")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:workmill:problem:job-not-found"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"reason": 1}', "#/reason"),
        (b'{"reason": "' + b"x" * 1001 + b'"}', "#/reason"),
        (b'{"reason": "\\ud800"}', "#/reason"),
        (b'{"reason": "a\\u0000b"}', "#/reason"),
        (b'{"why": "no"}', "#/why"),
        (b"[]", "#"),
    ],
)
async def test_a_wrong_cancellation_changes_nothing(app: App, client: AsyncClient, body: bytes, pointer: str) -> None:
    job_id = await enqueue(app.tasks["add"], 1)

    answer = await client.post(f"/v1/jobs/{job_id}/cancel", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await app.ajob(job_id)).state == "queued"


async def test_attempts_are_listed_with_their_errors(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app.tasks["add"], 1)
    before = await client.get(f"/v1/jobs/{job_id}/attempts")
    await hand.fail(await hand.take(), "no")

    after = await client.get(f"/v1/jobs/{job_id}/attempts")

    assert before.json() == {"items": []}
    (attempt,) = after.json()["items"]
    assert (attempt["number"], attempt["ending"], attempt["worker"]) == (1, "failed", "hand")
    assert attempt["error"]["traceback"] == "Traceback: …"


async def test_pages_follow_one_another_without_gap_or_repeat(app: App, client: AsyncClient) -> None:
    ids = [await enqueue(app.tasks["add"], number) for number in range(5)]
    target: str | None = "/v1/jobs?limit=2&task=add&state=queued"
    seen = []

    while target is not None:
        answer = await client.get(target)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        seen += [job["id"] for job in answer.json()["items"]]
        assert (answer.json()["next_cursor"] is None) == ("next" not in answer.links)
        target = answer.links["next"]["url"] if "next" in answer.links else None

    assert seen == ids[::-1]


async def test_jobs_are_filtered(app: App, client: AsyncClient, hand: Hand) -> None:
    add = await enqueue(app.tasks["add"], 1)
    await hand.succeed(await hand.take())
    tick = await enqueue(app.tasks["tick"])
    move = await enqueue(app.tasks["plane.move"], {"x": 1})

    async def listed(query: str) -> list[str]:
        answer = await client.get(f"/v1/jobs?{query}")
        assert answer.status_code == 200, answer.text
        return [job["id"] for job in answer.json()["items"]]

    assert await listed("") == [move, tick, add]
    assert await listed("state=succeeded") == [add]
    assert await listed("state=succeeded&state=queued") == [move, tick, add]
    assert await listed("task=tick&task=add") == [tick, add]
    assert await listed("queue=plane") == [move]
    assert await listed("created_after=2000-01-01T00:00:00%2B01:00&created_before=2000-01-02T00:00:00Z") == []
    assert await listed("created_after=2000-01-01t00:00:00.123456789z") == [move, tick, add]
    assert await listed("created_before=9999-12-31T23:59:59-23:59") == [move, tick, add]
    assert await listed("created_after=0001-01-01T00:00:00%2B23:59") == [move, tick, add]
    assert await listed("limit=200&queue=none") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=ten", "limit"),
        ("state=done", "state"),
        ("state=queued&state=Queued", "state"),
        ("task=%25;drop", "task"),
        ("queue=a/b", "queue"),
        ("created_after=now", "created_after"),
        ("created_before=2026-13-01T00:00:00Z", "created_before"),
        ("created_before=2026-12-01T00:00:00Z&created_before=2026-12-01T00:00:00Z", "created_before"),
        ("stat=queued", "stat"),
        ("cursor=", "cursor"),
    ],
)
async def test_a_wrong_filter_is_named(client: AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/jobs?{query}")

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:workmill:problem:invalid-parameter"
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_a_cursor_that_was_never_given_out_is_422(client: AsyncClient) -> None:
    answer = await client.get("/v1/jobs?cursor=nonsense")

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:workmill:problem:invalid-cursor"
    assert answer.json()["errors"][0]["parameter"] == "cursor"


async def test_counts_are_by_queue_task_and_state(app: App, client: AsyncClient) -> None:
    await enqueue(app.tasks["add"], 1)
    await enqueue(app.tasks["add"], 2)

    answer = await client.get("/v1/counts")

    assert answer.json() == {"items": [{"queue": "default", "task": "add", "state": "queued", "jobs": 2}]}


@pytest.mark.parametrize(("age", "seconds"), [(0, "1"), (45, "4"), (3600, "10")])
async def test_an_older_job_is_asked_after_less_often(age: int, seconds: str) -> None:
    app = App("memory://", clock=lambda: datetime.now(UTC) - timedelta(seconds=age))
    add = app.task(name="add")(lambda: None)
    job_id = await enqueue(add)

    async with AsyncClient(transport=ASGITransport(app=asgi(app)), base_url="http://localhost") as client:
        answer = await client.get(f"/v1/jobs/{job_id}")

    assert answer.headers["retry-after"] == seconds
    app.close()


async def test_tasks_are_listed_by_name_with_their_schemas(client: AsyncClient) -> None:
    answer = await client.get("/v1/tasks")

    tasks = answer.json()["items"]
    assert [task["name"] for task in tasks] == ["add", "echo", "plane.move", "tick"]
    assert tasks[0]["doc"] == "Add two numbers.\n\nThey may be of any size."
    assert tasks[0]["schema"]["required"] == ["a"]
    assert tasks[0]["result_schema"]["type"] == "integer"


async def test_one_task_is_shown(client: AsyncClient) -> None:
    found = await client.get("/v1/tasks/plane.move")
    missing = await client.get("/v1/tasks/plane")

    assert (found.json()["queue"], found.json()["max_attempts"]) == ("plane", 1)
    assert found.json()["keep_seconds"] == 7 * 24 * 3600
    assert (found.json()["process"], found.json()["grace_seconds"], found.json()["memory_bytes"]) == (False, None, None)
    assert missing.status_code == 404
    assert missing.json()["type"] == "urn:workmill:problem:task-not-found"


async def test_a_task_whose_type_hints_cannot_be_read_harms_no_other() -> None:
    app = App("memory://")

    @app.task
    def sound(a: int) -> int:
        return a

    @app.task
    def broken(a: "Nothing") -> None: ...  # type: ignore[name-defined] # noqa: F821

    async with AsyncClient(transport=ASGITransport(app=asgi(app)), base_url="http://localhost") as client:
        tasks = (await client.get("/v1/tasks")).json()["items"]
        paths = (await client.get("/openapi.json")).json()["paths"]

    assert [(task["name"], task["problem"]) for task in tasks] == [
        ("broken", "task 'broken': a type hint cannot be read: NameError: name 'Nothing' is not defined"),
        ("sound", None),
    ]
    assert tasks[0]["schema"] is tasks[0]["result_schema"] is None
    assert "/v1/tasks/sound/jobs" in paths
    assert "/v1/tasks/broken/jobs" not in paths

"""The pages of jobs: finding them, acting on many, and one with all that can be done about it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.dashboard.browser_form import controls
from tests.dashboard.conftest import Browsing
from tests.http.hand import Hand
from workmill import App, JobHandle, JobState
from workmill.dashboard.elsewhere import calls_of

LINK = re.compile(r'href="(/jobs/[0-9a-f-]{36})"')


def shown(html: str) -> list[str]:
    """Return the jobs that a page lists."""
    return [link.removeprefix("/jobs/") for link in dict.fromkeys(LINK.findall(html))]


async def test_jobs_are_found_by_what_the_address_says(app: App, client: AsyncClient, hand: Hand) -> None:
    added = await app.tasks["add"].aenqueue(1)
    moved = await app.tasks["plane.move"].aenqueue({"x": 1})
    await hand.fail(await hand.take())

    everything = await client.get("/jobs")
    assert shown(everything.text) == [moved.id, added.id]
    for query, ids in [
        ("state=failed", [added.id]),
        ("state=failed&state=queued", [moved.id, added.id]),
        ("task=plane.move", [moved.id]),
        ("task=plane.move+add", [moved.id, added.id]),
        ("queue=plane", [moved.id]),
        ("created_before=2020-01-01T00:00", []),
        ("created_after=2020-01-01T00:00:00%2B01:00", [moved.id, added.id]),
        ("flow=none", []),
    ]:
        assert shown((await client.get(f"/jobs?{query}")).text) == ids, query


async def test_tabs_count_within_the_filter_and_lead_there(app: App, client: AsyncClient) -> None:
    for _ in range(3):
        await app.tasks["add"].aenqueue(1)
    await app.tasks["echo"].aenqueue(1)

    html = (await client.get("/jobs?task=add&state=queued")).text

    assert re.search(r'href="/jobs\?state=queued&amp;task=add" aria-current="page">queued <span class="count">3<', html)
    assert re.search(r'href="/jobs\?task=add">all <span class="count">3<', html)


async def test_a_page_leads_to_the_next_with_the_same_filter(app: App, client: AsyncClient) -> None:
    handles = await app.aenqueue_many([app.tasks["add"].job(each) for each in range(60)])
    await app.tasks["echo"].aenqueue(1)

    first = await client.get("/jobs?task=add")
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older is not None
    second = await client.get(older[1].replace("&amp;", "&"))

    assert shown(first.text) + shown(second.text) == [handle.id for handle in reversed(handles)]
    assert 'href="/jobs?task=add">Newest' in second.text


@pytest.mark.parametrize(
    ("query", "said"),
    [("state=lost", "states"), ("created_after=soon", "such as 2026-01-31T12:00"), ("cursor=x", "cursor")],
)
async def test_a_filter_that_cannot_be_is_said_on_the_page(client: AsyncClient, query: str, said: str) -> None:
    answer = await client.get(f"/jobs?{query}")

    assert (answer.status_code, said in answer.text, 'role="alert"' in answer.text) == (422, True, True)


@pytest.mark.parametrize("name", ["state", "task", "queue", "flow", "schedule"])
async def test_more_values_of_a_filter_than_any_page_gives_are_refused(client: AsyncClient, name: str) -> None:
    values = " ".join(f"value-{number}" for number in range(101))

    looked = await client.get("/jobs", params={name: values})
    acted = await client.post("/jobs/act", data={"action": "cancel", "expected": "0", name: values})

    assert (looked.status_code, acted.status_code) == (422, 422)
    assert "give at most 100" in looked.text


async def test_all_that_match_are_cancelled_after_a_look(app: App, client: AsyncClient) -> None:
    meant = [await app.tasks["add"].aenqueue(each) for each in range(3)]
    other = await app.tasks["echo"].aenqueue(1)

    asked = await client.get("/jobs/act?action=cancel&task=add")
    assert ("Cancel 3 jobs" in asked.text, shown(asked.text)) == (True, [job.id for job in reversed(meant)])
    done = await client.post("/jobs/act", data={**controls(asked.text), "reason": "tidy"}, follow_redirects=True)

    assert "3 jobs were cancelled" in done.text
    assert [(await job.arefresh()).record.cancel_reason for job in meant] == ["tidy"] * 3
    assert (await other.arefresh()).state is JobState.QUEUED


async def test_nothing_is_done_when_the_count_has_changed(app: App, client: AsyncClient) -> None:
    first = await app.tasks["add"].aenqueue(1)
    asked = await client.get("/jobs/act?action=cancel&task=add")
    await app.tasks["add"].aenqueue(2)

    answer = await client.post("/jobs/act", data=controls(asked.text))

    assert (answer.status_code, "now there are 2" in answer.text) == (409, True)
    assert controls(answer.text)["expected"] == "2"
    assert (await first.arefresh()).state is JobState.QUEUED


async def test_selected_jobs_are_retried(app: App, client: AsyncClient, hand: Hand) -> None:
    failed = [await app.tasks["add"].aenqueue(each) for each in range(2)]
    for _ in failed:
        await hand.fail(await hand.take())
    unfinished = await app.tasks["add"].aenqueue(9)
    ids = [job.id for job in (*failed, unfinished)]

    asked = await client.get("/jobs/act", params={"action": "retry", "id": ids})
    done = await client.post("/jobs/act", data={"action": "retry", "id": shown(asked.text)}, follow_redirects=True)

    assert "2 jobs were stored" in done.text
    assert "Not so 1 job was" in done.text
    again = (await app.ajobs(tasks=["add"])).jobs[:2]
    assert {job.retry_of for job in again} == {job.id for job in failed}


@pytest.mark.parametrize("query", ["", "action=eat", "action=cancel&flow=x", "action=retry&state=queued"])
async def test_an_action_that_cannot_be_is_refused(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"/jobs/act?{query}")).status_code == 422


async def test_a_job_shows_why_it_does_not_run(app: App, client: AsyncClient) -> None:
    job = await app.tasks["add"].using(delay=timedelta(hours=1)).aenqueue(1)

    html = (await client.get(f"/jobs/{job.id}")).text

    assert "it is not to start before" in html
    assert "may begin" in html


async def test_a_job_shows_its_attempts_with_what_went_wrong(app: App, client: AsyncClient, hand: Hand) -> None:
    job = await app.tasks["echo"].aenqueue("<script>alert(1)</script>")
    await hand.fail(await hand.take(), "no <b>room</b>")

    html = (await client.get(f"/jobs/{job.id}")).text

    assert "attempt 1 failed" in html
    assert "ValueError" in html
    assert "no &lt;b&gt;room&lt;/b&gt;" in html
    assert "<script>alert" not in html


async def test_a_result_is_shown_and_downloaded_as_it_is_stored(app: App, client: AsyncClient, hand: Hand) -> None:
    job = await app.tasks["echo"].aenqueue(1)
    assert (await client.get(f"/jobs/{job.id}/result")).status_code == 404
    await hand.succeed(await hand.take(), b'{"big":9007199254740993}')

    assert "9007199254740993" in (await client.get(f"/jobs/{job.id}")).text
    file = await client.get(f"/jobs/{job.id}/result")
    assert (file.content, file.headers["content-type"]) == (b'{"big":9007199254740993}', "application/json")


async def test_a_job_is_cancelled_with_a_reason(app: App, client: AsyncClient, hand: Hand) -> None:
    queued, running = await app.tasks["add"].aenqueue(1), await app.tasks["add"].using(priority=1).aenqueue(2)
    taken = await hand.take()
    assert taken.id == running.id

    ended = await client.post(f"/jobs/{queued.id}/cancel", data={"reason": "late"}, follow_redirects=True)
    assert ("The job was cancelled." in ended.text, "late" in ended.text) == (True, True)
    asked = await client.post(f"/jobs/{running.id}/cancel", data={"force": "on"}, follow_redirects=True)
    assert "asked to end" in asked.text
    assert (await running.arefresh()).record.cancel_forced
    again = await client.post(f"/jobs/{(await _done(app, hand)).id}/cancel")
    assert again.status_code == 409


async def _done(app: App, hand: Hand) -> JobHandle[Any]:
    job = await app.tasks["echo"].aenqueue(1)
    await hand.succeed(await hand.take())
    return job


async def test_a_job_is_run_again_as_it_was(app: App, client: AsyncClient, hand: Hand) -> None:
    old = await _done(app, hand)

    answer = await client.post(f"/jobs/{old.id}/retry")

    assert answer.status_code == 303
    new = await app.ajob(answer.headers["location"].partition("?")[0].removeprefix("/jobs/"))
    assert (new.record.retry_of, new.record.args) == (old.id, old.record.args)


async def test_a_button_pressed_twice_runs_a_job_again_once(app: App, client: AsyncClient, hand: Hand) -> None:
    old = await _done(app, hand)
    button = controls((await client.get(f"/jobs/{old.id}")).text)

    first, second = [await client.post(f"/jobs/{old.id}/retry", data=button) for _ in range(2)]

    assert first.headers["location"].endswith("?said=retried")
    assert second.headers["location"] == first.headers["location"].replace("retried", "known")
    another = controls((await client.get(f"/jobs/{old.id}")).text)
    later = await client.post(f"/jobs/{old.id}/retry", data=another)
    assert later.headers["location"].endswith("?said=retried")


async def test_selected_jobs_are_run_again_once_however_often_the_question_is_answered(
    app: App, client: AsyncClient, hand: Hand
) -> None:
    ids = [(await _done(app, hand)).id for _ in range(2)]
    question = await client.get("/jobs/act", params={"action": "retry", "id": ids})
    answer = {**controls(question.text), "id": ids}

    for _ in range(2):
        assert (await client.post("/jobs/act", data=answer)).status_code == 303

    assert len((await app.ajobs(states=["queued"])).jobs) == len(ids)


async def test_all_that_failed_is_run_again_once_however_often_the_question_is_answered(
    app: App, client: AsyncClient, hand: Hand
) -> None:
    for number in range(2):
        await app.tasks["add"].aenqueue(number)
        await hand.fail(await hand.take())
    answer = controls((await client.get("/jobs/act", params={"action": "retry", "state": "failed"})).text)

    for _ in range(2):
        assert (await client.post("/jobs/act", data=answer)).status_code == 303

    assert len((await app.ajobs(states=["queued"])).jobs) == 2


async def test_a_job_is_run_again_with_other_arguments(app: App, client: AsyncClient, hand: Hand) -> None:
    job = await app.tasks["add"].aenqueue(1, b=7)
    await hand.succeed(await hand.take())

    form = controls((await client.get(f"/jobs/{job.id}/edit")).text)
    assert form == {"/a": "1", "/b": "7"}
    wrong = await client.post(f"/jobs/{job.id}/edit", data={**form, "/a": "x"})
    assert (wrong.status_code, "give a whole number" in wrong.text) == (422, True)
    answer = await client.post(f"/jobs/{job.id}/edit", data={**form, "/a": "5"})

    new = await app.ajob(answer.headers["location"].partition("?")[0].removeprefix("/jobs/"))
    assert (new.record.retry_of, new.record.args) == (job.id, b'{"a":5,"b":7}')


async def test_a_job_that_has_not_ended_is_not_run_again(app: App, client: AsyncClient) -> None:
    job = await app.tasks["add"].aenqueue(1)

    assert (await client.post(f"/jobs/{job.id}/retry")).status_code == 409
    answer = await client.post(f"/jobs/{job.id}/edit", data={"/a": "5", "/b": "1"})
    assert (answer.status_code, controls(answer.text)["/a"]) == (409, "5")


async def test_a_job_of_a_task_that_is_not_known_here_is_edited_as_json(client: AsyncClient, app: App) -> None:
    with App("memory://") as other:

        @other.task
        def far(a: int) -> int:
            return a

        new = far.job(3)
    [job] = await app.aenqueue_many([new])
    await job.acancel()

    assert "not known to this application" in (await client.get(f"/jobs/{job.id}")).text
    form = controls((await client.get(f"/jobs/{job.id}/edit")).text)
    assert form == {"~json": '{\r\n  "a": 3\r\n}'}
    answer = await client.post(f"/jobs/{job.id}/edit", data={"~json": '{"a": 4}'}, follow_redirects=True)
    assert (await app.ajobs(limit=1)).jobs[0].args == b'{"a":4}'
    assert answer.status_code == 200


async def test_an_unknown_job_is_not_there(client: AsyncClient) -> None:
    assert (await client.get("/jobs/01890000-0000-7000-8000-000000000000")).status_code == 404


async def test_who_may_only_read_sees_no_buttons(app: App, browsing: Browsing) -> None:
    job = await app.tasks["add"].aenqueue(1)
    reader = browsing(read_token="look", headers={"Authorization": "Bearer look"})

    for path in ("/jobs", f"/jobs/{job.id}", "/tasks/add", "/queues", "/queues/default", "/limits/task/add"):
        html = (await reader.get(path)).text
        assert 'method="post"' not in html, path
        assert "Cancel" not in html, path


async def test_a_form_that_is_too_large_or_none_is_refused(app: App, client: AsyncClient) -> None:
    job = await app.tasks["add"].aenqueue(1)
    path, kind = f"/jobs/{job.id}/cancel", {"Content-Type": "application/x-www-form-urlencoded"}

    assert (await client.post(path, content=b"a=" + b"b" * 3_000_000, headers=kind)).status_code == 413
    assert (await client.post(path, content=b"a=%ff", headers=kind)).status_code == 400
    assert (await client.post(path, content=b"&".join([b"a=b"] * 6000), headers=kind)).status_code == 400
    assert (await client.post(path, json={})).status_code == 415
    assert (await job.arefresh()).state is JobState.QUEUED


async def test_jobs_that_a_sentence_names_are_links(app: App, client: AsyncClient) -> None:
    first = await app.tasks["add"].aenqueue(1)
    second = await first.athen(app.tasks["echo"].step())

    html = (await client.get(f"/jobs/{second.id}")).text

    assert re.search(rf'it waits for job <a class="id" href="/jobs/{first.id}"', html)


@pytest.mark.parametrize(
    ("task", "args", "shell", "python"),
    [
        ("add", {"a": 1}, "workmill call add --json-args '{\"a\": 1}'", "add.enqueue(a=1)"),
        ("tick", {}, "workmill call tick", "tick.enqueue()"),
        (
            "a.b",
            {"x y": "it's $HOME"},
            """workmill call a.b --json-args '{"x y": "it'"'"'s $HOME"}'""",
            """app.task_named('a.b').enqueue(**{'x y': "it's $HOME"})""",
        ),
    ],
)
def test_a_call_is_told_for_elsewhere(task: str, args: dict[str, object], shell: str, python: str) -> None:
    assert [call.text for call in calls_of(task, args)] == [shell, python]


def test_a_call_that_is_too_long_or_damaged_is_not_told() -> None:
    assert (calls_of("add", {"a": "x" * 5000}), calls_of("add", None)) == ([], [])

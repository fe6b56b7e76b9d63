"""The pages of tasks, and the form that runs one."""

import json
import re

import pytest
from httpx2 import AsyncClient

from tests.dashboard.browser_form import buttons, controls
from workmill import App, JobState, Unique


def job_id(location: str) -> str:
    return location.partition("?")[0].removeprefix("/jobs/")


async def test_tasks_are_listed_with_how_their_jobs_stand(app: App, client: AsyncClient) -> None:
    for each in range(3):
        await app.tasks["add"].aenqueue(each)

    html = (await client.get("/tasks")).text

    assert "Add two numbers." in html
    assert re.search(r'href="/jobs\?task=add&amp;state=queued">3</a>', html)
    assert 'href="/tasks/plane.move"' in html


async def test_a_task_is_run_from_its_form(app: App, client: AsyncClient) -> None:
    form = controls((await client.get("/tasks/plane.move")).text)
    typed = {**form, "/place/x": "7", "/way": '"right"', "_priority": "5", "_delay": "60", "_do": "run"}

    answer = await client.post("/tasks/plane.move", data=typed, follow_redirects=True)

    assert "The job is stored." in answer.text
    [job] = (await app.ajobs()).jobs
    assert json.loads(job.args) == {"place": {"x": 7, "y": 0}, "way": "right"}
    assert (job.priority, job.queue, job.state) == (5, "plane", JobState.SCHEDULED)


async def test_to_send_a_form_twice_gives_one_job(app: App, client: AsyncClient) -> None:
    form = {**controls((await client.get("/tasks/add")).text), "/a": "1", "_do": "run"}

    first, second = [await client.post("/tasks/add", data=form) for _ in range(2)]
    changed = await client.post("/tasks/add", data={**form, "/a": "2"})

    assert job_id(first.headers["location"]) == job_id(second.headers["location"])
    assert "said=known" in second.headers["location"]
    assert [job.args for job in (await app.ajobs()).jobs] == [b'{"a":2,"b":2}', b'{"a":1,"b":2}']
    assert job_id(changed.headers["location"]) != job_id(first.headers["location"])


async def test_a_key_of_ones_own_is_refused_for_other_arguments(app: App, client: AsyncClient) -> None:
    await client.post("/tasks/add", data={"/a": "1", "/b": "1", "_key": "mine"})

    answer = await client.post("/tasks/add", data={"/a": "2", "/b": "1", "_key": "mine"})

    assert (answer.status_code, controls(answer.text)["/a"], controls(answer.text)["_key"]) == (409, "2", "mine")
    assert len((await app.ajobs()).jobs) == 1


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(app: App, client: AsyncClient) -> None:
    answer = await client.post("/tasks/plane.move", data={"/place/x": "", "/place/y": "3", "/way": '"left"'})

    assert answer.status_code == 422
    assert re.search(r'id="arg/place/x"[^>]*aria-invalid="true"[^>]*aria-describedby="arg/place/x-fault"', answer.text)
    assert re.search(r'id="arg/place/x-fault">give a value<', answer.text)
    assert '<a href="#arg/place/x">place/x</a>: give a value' in answer.text
    assert controls(answer.text)["/place/y"] == "3"
    assert (await app.ajobs()).jobs == ()


@pytest.mark.parametrize(
    ("option", "typed"), [("_priority", "high"), ("_priority", "900"), ("_delay", "-1"), ("_queue", "no name")]
)
async def test_an_option_that_cannot_be_is_said(client: AsyncClient, option: str, typed: str) -> None:
    answer = await client.post("/tasks/add", data={"/a": "1", "/b": "1", option: typed})

    assert (answer.status_code, option.removeprefix("_") in answer.text) == (422, True)
    assert controls(answer.text)[option] == typed


async def test_arguments_are_checked_without_storing_them(app: App, client: AsyncClient) -> None:
    answer = await client.post("/tasks/add", data={"/a": "1", "/b": "1", "_do": "check"})

    assert (answer.status_code, "The arguments are right." in answer.text) == (200, True)
    assert (await app.ajobs()).jobs == ()


async def test_the_form_turns_into_json_and_back(app: App, client: AsyncClient) -> None:
    typed = {"/place/x": "7", "/place/y": "1", "/way": '"right"'}

    as_json = controls((await client.post("/tasks/plane.move", data={**typed, "_as": "json"})).text)
    assert json.loads(as_json["~json"]) == {"place": {"x": 7, "y": 1}, "way": "right"}
    fields = controls((await client.post("/tasks/plane.move", data={**as_json, "_as": "fields"})).text)
    assert {name: value for name, value in fields.items() if name.startswith("/")} == typed
    await client.post("/tasks/plane.move", data=as_json)
    assert json.loads((await app.ajobs()).jobs[0].args) == {"place": {"x": 7, "y": 1}, "way": "right"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is not JSON"),
        ("[1]", "give a JSON object"),
        ('{"place": {"x": 1.5}}', "/place/x: "),
        ('{"place": {"x": 1}, "more": 1}', "/more: "),
    ],
)
async def test_json_that_is_wrong_is_said_and_kept(client: AsyncClient, text: str, said: str) -> None:
    answer = await client.post("/tasks/plane.move", data={"~json": text})

    assert (answer.status_code, said in answer.text) == (422, True)
    assert controls(answer.text)["~json"] == text


async def test_entries_are_added_without_losing_what_was_typed(app: App, client: AsyncClient) -> None:
    @app.task
    def tag(names: list[str], by: dict[str, int] = {}) -> None: ...  # noqa: B006 - a default, never changed

    page = await client.get("/tasks/tag")
    assert ("_add", "/names") in buttons(page.text)
    one = await client.post("/tasks/tag", data={**controls(page.text), "_add": "/names"})
    two = await client.post("/tasks/tag", data={**controls(one.text), "/names/0": "a", "_add": "/names"})
    gone = await client.post("/tasks/tag", data={**controls(two.text), "/names/1": "b", "_drop": "/names/0"})
    await client.post("/tasks/tag", data={**controls(gone.text), "_do": "run"})

    assert (await app.ajobs()).jobs[0].args == b'{"names":["b"],"by":{}}'


async def test_a_second_job_beside_a_unique_one_is_refused(app: App, client: AsyncClient) -> None:
    @app.task(unique=Unique(on_conflict="reject"))
    def once(a: int) -> None: ...

    for status in (303, 409):
        assert (await client.post("/tasks/once", data={"/a": "1"})).status_code == status
    assert len((await app.ajobs()).jobs) == 1


@pytest.mark.parametrize(
    ("unique", "said"),
    [
        (Unique(), "by all arguments; else reject"),
        (Unique(by=()), "one at a time; else reject"),
        (Unique(by=("a",), on_conflict="return"), "by a; else return"),
        (Unique(key="k{a}"), "by k{a}; else reject"),
    ],
)
async def test_what_makes_two_jobs_one_too_many_is_said(
    app: App, client: AsyncClient, unique: Unique, said: str
) -> None:
    @app.task(unique=unique)
    def once(a: int) -> None: ...

    assert said in (await client.get("/tasks/once")).text


async def test_a_task_that_cannot_be_served_says_why(app: App, client: AsyncClient) -> None:
    @app.task
    def odd(a: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821 - that is the point

    answer = await client.get("/tasks/odd")

    assert (answer.status_code, "Nowhere" in answer.text) == (200, True)


async def test_an_unknown_task_is_not_there(client: AsyncClient) -> None:
    assert (await client.get("/tasks/none")).status_code == 404
    assert (await client.post("/tasks/none", data={})).status_code == 404

"""The pages of schedules."""

import re

import pytest
from httpx2 import AsyncClient

from tests.dashboard.browser_form import controls
from workmill import App, Cron, Every, JobState, Loop


async def test_schedules_are_listed_with_their_next_time_and_last_jobs(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("nightly", app.tasks["add"].job(1), Cron("0 3 * * *", tz="Europe/Berlin"))
    await app.schedules.acreate("often", app.tasks["add"].job(2), Every(7200), active=False)
    job = await (await app.schedules.aget("often")).atrigger()
    assert job is not None

    html = (await client.get("/schedules")).text

    assert "0 3 * * * Europe/Berlin" in html
    assert "every 2 hours" in html
    assert ("active" in html, "stopped" in html) == (True, True)
    assert f'href="/jobs/{job.id}"' in html


async def test_one_schedule_shows_its_next_times_also_where_it_is_stopped(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("often", app.tasks["add"].job(2), Every(60), active=False)

    html = (await client.get("/schedules/often")).text

    assert "Next, if it were started now" in html
    assert len(re.findall(r'id="next-\d', html)) == 5
    assert "&#34;a&#34;: 2" in html


async def test_a_schedule_is_started_and_stopped_as_often_as_one_likes(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("robot", app.tasks["add"].job(1), Loop(15), active=False)

    started = await client.post("/schedules/robot/start", follow_redirects=True)
    assert ("The schedule goes on." in started.text, started.url.path) == (True, "/schedules/robot")
    again = await client.post("/schedules/robot/start", data={"back": "schedules"}, follow_redirects=True)
    assert ("going on already" in again.text, again.url.path) == (True, "/schedules")
    for _ in range(2):
        stopped = await client.post("/schedules/robot/stop", follow_redirects=True)
        assert "The schedule is stopped" in stopped.text
    assert not (await app.schedules.aget("robot")).is_active


async def test_a_schedule_is_started_later(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("robot", app.tasks["add"].job(1), Loop(15), active=False)

    await client.post("/schedules/robot/start", data={"delay": "3600"})

    next_at = (await app.schedules.aget("robot")).info.next_at
    assert next_at is not None
    assert 3500 < (next_at - await app.anow()).total_seconds() <= 3600
    assert (await client.post("/schedules/robot/start", data={"delay": "soon"})).status_code == 422


async def test_a_schedule_is_run_now_and_says_where_it_cannot(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("robot", app.tasks["add"].job(1), Loop(15), active=False)

    made = await client.post("/schedules/robot/trigger", follow_redirects=True)
    assert ("has made this job" in made.text, made.url.path.startswith("/jobs/")) == (True, True)
    busy = await client.post("/schedules/robot/trigger", follow_redirects=True)
    assert "No job was made" in busy.text


async def test_stopping_can_end_what_runs(app: App, client: AsyncClient, hand) -> None:  # noqa: ANN001 - a fixture
    await app.schedules.acreate("robot", app.tasks["add"].job(1), Loop(15))
    job = await (await app.schedules.aget("robot")).atrigger()
    assert job is not None
    await hand.take()

    await client.post("/schedules/robot/stop", data={"cancel_running": "on"})

    assert (await job.arefresh()).record.cancel_requested_at is not None
    assert job.state is JobState.RUNNING


async def test_a_schedule_is_deleted(app: App, client: AsyncClient) -> None:
    await app.schedules.acreate("robot", app.tasks["add"].job(1), Loop(15))

    done = await client.post("/schedules/robot/delete", data={"sure": "on"}, follow_redirects=True)

    assert "The schedule is gone" in done.text
    assert (await client.get("/schedules/robot")).status_code == 404


async def test_without_schedules_the_page_says_what_would_make_one(client: AsyncClient) -> None:
    assert "There is no schedule." in (await client.get("/schedules")).text


async def test_a_schedule_is_made_of_a_task(app: App, client: AsyncClient) -> None:
    form = controls((await client.get("/tasks/add/schedule")).text)
    typed = {**form, "_name": "robot", "_when": "loop 15", "/a": "7"}

    done = await client.post("/tasks/add/schedule", data=typed, follow_redirects=True)

    assert ("The schedule is stored." in done.text, done.url.path) == (True, "/schedules/robot")
    made = await app.schedules.aget("robot")
    assert (made.when, made.is_active, made.info.plan.args) == (Loop(15), True, b'{"a":7,"b":2}')
    again = await client.post("/tasks/add/schedule", data=typed)
    assert (again.status_code, controls(again.text)["/a"]) == (409, "7")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"_when": "hourly"}, "every 30"),
        ({"_when": "cron 0 25 * * * Europe/Berlin"}, "0 25 * * *"),
        ({"_name": "no name"}, "name"),
        ({"/a": "x"}, "give a whole number"),
        ({"/a": ""}, "give a value"),
        ({"_overlap": "maybe"}, "overlap"),
    ],
)
async def test_a_schedule_that_cannot_be_is_said_and_kept(
    app: App, client: AsyncClient, typed: dict[str, str], said: str
) -> None:
    right = {"_name": "robot", "_when": "loop 15", "_overlap": "skip", "_missed": "once", "/a": "7", "/b": "2"}

    answer = await client.post("/tasks/add/schedule", data={**right, **typed})

    assert (answer.status_code, said in answer.text, 'role="alert"' in answer.text) == (422, True, True)
    assert (await app.schedules.alist()).schedules == ()


async def test_what_a_schedule_does_is_changed(app: App, client: AsyncClient) -> None:
    handle = await app.schedules.acreate("robot", app.tasks["add"].job(1, b=3), Loop(15))

    form = controls((await client.get("/schedules/robot/edit")).text)
    assert (form["_when"], form["/a"], form["/b"]) == ("loop 15", "1", "3")
    typed = {**form, "_when": "every 60", "_overlap": "allow", "/a": "2"}
    done = await client.post("/schedules/robot/edit", data=typed, follow_redirects=True)

    assert "The schedule was changed." in done.text
    plan = (await handle.arefresh()).info.plan
    assert (plan.when, str(plan.overlap), plan.args) == ("every 60", "allow", b'{"a":2,"b":3}')
    stale = await client.post("/schedules/robot/edit", data={**form, "/a": "9"})
    assert (stale.status_code, controls(stale.text)["/a"]) == (409, "9")
    assert (await handle.arefresh()).info.plan.args == b'{"a":2,"b":3}'


async def test_a_schedule_of_a_task_that_is_not_known_here_keeps_its_arguments(app: App, client: AsyncClient) -> None:
    with App("memory://") as other:

        @other.task
        def far(a: int) -> int:
            return a

        new = far.job(3)
    handle = await app.schedules.acreate("distant", new, Every(60))

    form = controls((await client.get("/schedules/distant/edit")).text)
    assert not any(name.startswith("/") for name in form)
    await client.post("/schedules/distant/edit", data={**form, "_when": "every 90"})

    plan = (await handle.arefresh()).info.plan
    assert (plan.when, plan.args) == ("every 90", b'{"a":3}')

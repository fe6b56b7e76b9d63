"""The pages of queues and limits."""

import pytest
from httpx2 import AsyncClient

from tests.dashboard.browser_form import controls
from workmill import App, JobState, Rate


async def test_queues_are_listed_and_say_that_nobody_works_on_them(app: App, client: AsyncClient) -> None:
    await app.tasks["add"].aenqueue(1)

    html = (await client.get("/queues")).text

    assert 'href="/jobs?queue=default&amp;state=queued">1</a>' in html
    assert 'class="state state-warn"' in html


@pytest.mark.parametrize("back", ["queues", ""])
async def test_a_queue_is_paused_and_resumed(app: App, client: AsyncClient, back: str) -> None:
    job = await app.tasks["add"].aenqueue(1)

    paused = await client.post("/queues/default/pause", data={"by": "anna <b>", "back": back}, follow_redirects=True)
    assert ("The queue is paused" in paused.text, "by anna &lt;b&gt;" in paused.text) == (True, True)
    assert paused.url.path == ("/queues" if back else "/queues/default")
    assert await app.adrain() == 0
    resumed = await client.post("/queues/default/resume", data={"back": back}, follow_redirects=True)
    assert "The queue goes on." in resumed.text
    assert await app.adrain() == 1
    assert (await job.arefresh()).done


async def test_a_queue_is_purged_by_who_knows_how_much_is_in_it(app: App, client: AsyncClient) -> None:
    jobs = [await app.tasks["add"].aenqueue(each) for each in range(2)]

    wrong = await client.post("/queues/default/purge", data={"expected": "1"})
    assert (wrong.status_code, "now there are 2" in wrong.text) == (409, True)
    assert (await jobs[0].arefresh()).state is JobState.QUEUED
    right = await client.post("/queues/default/purge", data={"expected": "2"}, follow_redirects=True)
    assert "2 jobs were cancelled" in right.text
    assert [(await job.arefresh()).state for job in jobs] == [JobState.CANCELLED] * 2
    assert (await client.post("/queues/default/purge", data={"expected": "all"})).status_code == 422


async def test_a_queue_that_nobody_spoke_of_is_empty(client: AsyncClient) -> None:
    answer = await client.get("/queues/unheard.of")

    assert (answer.status_code, "Nothing is queued." in answer.text) == (200, True)


async def test_a_limit_of_a_queue_is_set_and_taken_back(app: App, client: AsyncClient) -> None:
    typed = {"running": "2", "count": "3", "per": "1.5", "waiting": "10"}

    done = await client.post("/limits/queue/default", data=typed, follow_redirects=True)
    assert "2 at a time, 3 in 1.50 s, at most 10 waiting" in done.text
    assert controls(done.text) == typed
    [state] = await app.alimits()
    assert (state.rule.running, state.rule.rate, state.rule.waiting) == (2, Rate(3, per=1.5), 10)
    assert "2 at a time" in (await client.get("/queues")).text
    reset = await client.post("/limits/queue/default/reset", follow_redirects=True)
    assert "holds no more" in reset.text
    assert await app.alimits() == []


async def test_a_limit_of_a_task_is_set_beside_what_code_declares(app: App, client: AsyncClient) -> None:
    done = await client.post("/limits/task/add", data={"running": "0"}, follow_redirects=True)

    assert "0 at a time" in done.text
    await app.tasks["add"].aenqueue(1)
    assert await app.adrain() == 0


@pytest.mark.parametrize(
    "typed", [{"running": "-1"}, {"running": "two"}, {"count": "1"}, {"per": "1"}, {"count": "0", "per": "1"}]
)
async def test_a_limit_that_cannot_be_is_said_and_kept(app: App, client: AsyncClient, typed: dict[str, str]) -> None:
    answer = await client.post("/limits/task/add", data=typed)

    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert typed.items() <= controls(answer.text).items()
    assert await app.alimits() == []


async def test_a_limit_of_nothing_known_is_refused(client: AsyncClient) -> None:
    assert (await client.get("/limits/worker/x")).status_code == 422

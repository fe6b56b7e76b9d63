"""The pages of flows, and where the jobs of one stand in its picture."""

import re
from itertools import pairwise

import pytest
from httpx2 import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.hand import Hand
from workmill import App, Flow, chain, chord
from workmill.dashboard.layering import HEIGHT, WIDTH, drawing


async def test_flows_are_listed_with_how_far_they_are(app: App, client: AsyncClient, hand: Hand) -> None:
    add = app.tasks["add"]
    flow = await app.aenqueue_flow(chain(add.job(1), add.step(2)))
    await hand.succeed(await hand.take(), b"3")

    html = (await client.get("/flows")).text

    assert f'href="/flows/{flow.id}"' in html
    assert "50 %" in html
    assert f'href="/jobs?state=succeeded&amp;flow={flow.id}"' in html or f"flow={flow.id}&amp;state=succeeded" in html


async def test_a_flow_is_drawn_and_told_as_a_table(app: App, client: AsyncClient) -> None:
    add = app.tasks["add"]
    flow = await app.aenqueue_flow(chord([add.job(1), add.job(2)], app.tasks["echo"].step()))

    html = (await client.get(f"/flows/{flow.id}")).text

    assert html.count('class="edge needs-success"') == 2
    for node in await flow.anodes():
        assert f'id="node-{node.job.id}"' in html
        assert f'id="row-{node.job.id}"' in html


async def test_a_flow_is_cancelled_with_a_reason_and_run_again(app: App, client: AsyncClient) -> None:
    add = app.tasks["add"]
    flow = await app.aenqueue_flow(chain(add.job(1), add.step(2)))

    done = await client.post(f"/flows/{flow.id}/cancel", data={"reason": "late"}, follow_redirects=True)
    assert "is cancelled" in done.text
    assert (await flow.ajobs())[0].record.cancel_reason == "late"
    new = await client.post(f"/flows/{flow.id}/retry", follow_redirects=True)
    assert ("This is the new flow" in new.text, new.url.path == f"/flows/{flow.id}") == (True, False)
    assert len((await app.aflows()).flows) == 2


async def test_a_flow_that_goes_on_is_not_run_again(app: App, client: AsyncClient) -> None:
    flow = await app.aenqueue_flow(chain(app.tasks["add"].job(1), app.tasks["add"].step(2)))

    assert (await client.post(f"/flows/{flow.id}/retry")).status_code == 409


async def test_a_large_flow_is_a_table_without_a_picture(app: App, client: AsyncClient) -> None:
    jobs = [app.tasks["add"].job(each) for each in range(600)]
    flow = await app.aenqueue_flow(chord(jobs, app.tasks["echo"].step()))

    html = (await client.get(f"/flows/{flow.id}")).text

    assert "too many jobs for a picture" in html
    assert len(re.findall(r'id="row-', html)) == 500


async def test_an_unknown_flow_is_not_there(client: AsyncClient) -> None:
    assert (await client.get("/flows/01890000-0000-7000-8000-000000000000")).status_code == 404


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Return jobs, each with some of those before it."""
    size = draw(st.integers(0, 12))
    return {
        str(at): draw(st.lists(st.sampled_from([str(each) for each in range(at)]), unique=True) if at else st.just([]))
        for at in range(size)
    }


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(graphs())
def test_each_job_stands_right_of_all_that_it_follows_and_on_no_other(parents: dict[str, list[str]]) -> None:
    drawn = drawing(parents)

    spots = {spot.id: spot for spot in drawn.spots}
    assert spots.keys() == parents.keys()
    assert len(drawn.lines) == sum(map(len, parents.values()))
    for job, whom in parents.items():
        assert all(spots[parent].x + WIDTH < spots[job].x for parent in whom)
    places = sorted((spot.x, spot.y) for spot in drawn.spots)
    for (x1, y1), (x2, y2) in pairwise(places):
        assert x1 != x2 or y1 + HEIGHT < y2
    for spot in drawn.spots:
        assert 0 <= spot.x <= drawn.width - WIDTH
        assert 0 <= spot.y <= drawn.height - HEIGHT


async def test_what_follows_a_failure_is_told_apart(app: App, client: AsyncClient) -> None:
    flow = Flow()
    first = flow.add(app.tasks["add"].job(1))
    flow.add(app.tasks["echo"].step(), after=first, needs="failure")
    handle = await app.aenqueue_flow(flow)

    html = (await client.get(f"/flows/{handle.id}")).text

    assert 'class="edge needs-failure"' in html
    assert "if it fails" in html


def test_a_line_goes_past_the_jobs_between_its_ends() -> None:
    drawn = drawing({"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]})

    middles = {spot.id: spot.middle for spot in drawn.spots}
    [long] = [line.path for line in drawn.lines if line.path.count("C") == 3]
    passed = {int(y) for y in re.findall(r"L\d+ (\d+)", long)}
    assert passed
    assert all(abs(y - middles[job]) > HEIGHT // 2 for y in passed for job in ("b", "c"))


def test_who_follows_nobody_stands_right_before_who_follows_it() -> None:
    drawn = drawing({"a": [], "b": ["a"], "late": [], "c": ["b", "late"], "alone": []})

    x = {spot.id: spot.x for spot in drawn.spots}
    assert (x["late"] == x["b"], x["alone"] == x["a"]) == (True, True)

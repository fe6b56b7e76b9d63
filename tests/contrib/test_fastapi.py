"""The doors, the lifespan and the dependency in FastAPI applications."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient

from workmill import App, ConfigError, JobHandle
from workmill.contrib.fastapi import Access, job_of, lifespan, mount

LONGEST_SECONDS = 10.0


@pytest.fixture
def mill() -> Iterator[App]:
    with App("memory://") as mill:
        mill.task(name="add")(_add)
        mill.task(name="other")(lambda: None)
        yield mill


def _add(a: int, b: int) -> int:
    return a + b


def test_dashboard_and_api_are_below_the_path(mill: App) -> None:
    api = FastAPI()
    mount(api, mill, "/our/jobs", access=lambda _: Access.READ)
    client = TestClient(api)

    page = client.get("/our/jobs/tasks")

    assert 'href="/our/jobs/jobs' in page.text
    assert client.get("/our/jobs").status_code == 200
    assert [each["name"] for each in client.get("/our/jobs/v1/tasks").json()["items"]] == ["add", "other"]
    assert client.get("/our").status_code == 404


@pytest.mark.parametrize(("role", "codes"), [("none", (403, 403)), ("read", (200, 403)), ("operate", (200, 202))])
def test_the_host_says_who_may_do_what(mill: App, role: str, codes: tuple[int, int]) -> None:
    async def access(request: Request) -> Access:
        return Access[request.headers["role"].upper()]

    api = FastAPI()
    mount(api, mill, access=access)
    client = TestClient(api, headers={"role": role})

    got = client.get("/jobs/v1/tasks"), client.post("/jobs/v1/tasks/add/jobs", json={"a": 1, "b": 2})

    assert tuple(each.status_code for each in got) == codes
    assert client.get("/jobs/").status_code == codes[0]


@pytest.mark.parametrize("path", ["jobs", "/jobs/"])
def test_a_path_that_is_none_is_refused(mill: App, path: str) -> None:
    with pytest.raises(ConfigError, match="must begin with / and not end with one"):
        mount(FastAPI(), mill, path)


def test_a_job_is_found_by_the_id_in_the_path(mill: App) -> None:
    api = FastAPI()

    @api.get("/sums/{job_id}")
    async def show(job: Annotated[JobHandle[Any], Depends(job_of(mill, "add"))]) -> Any:
        return job.document()

    added, other = mill.task_named("add").enqueue(1, 2), mill.task_named("other").enqueue()
    client = TestClient(api)

    assert client.get(f"/sums/{added.id}").json()["id"] == added.id
    assert client.get(f"/sums/{other.id}").status_code == 404
    assert client.get("/sums/none").status_code == 404


def test_the_lifespan_runs_a_worker_within_the_host_s_own(mill: App) -> None:
    said: list[str] = []

    @asynccontextmanager
    async def own(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        said.append("begun")
        yield {"name": "shop"}
        said.append("ended")

    api = FastAPI(lifespan=lifespan(mill, worker=True, within=own))

    @api.get("/name")
    def name(request: Request) -> Any:
        return request.state.name

    with TestClient(api) as client:
        result = mill.task_named("add").enqueue(1, 2).result(timeout=LONGEST_SECONDS)
        answer = client.get("/name").json()

    assert (result, answer) == (3, "shop")
    assert said == ["begun", "ended"]

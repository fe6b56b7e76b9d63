"""The extension in Flask applications."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, current_app, session

from workmill import App, ConfigError
from workmill.contrib.flask import Access, Workmill


@pytest.fixture
def mill() -> Iterator[App]:
    with App("memory://") as mill:
        mill.task(name="greeting")(lambda: f"{current_app.config['GREETING']} of {threading.current_thread().name}")
        mill.task(name="add")(_add)
        yield mill


def _add(a: int, b: int) -> int:
    return a + b


def flask(greeting: str = "hello") -> Flask:
    app = Flask("shop")
    app.config.update(GREETING=greeting, SECRET_KEY="for this test")
    app.get("/")(lambda: "the host's own page")
    return app


def test_a_task_runs_in_the_application_s_context_in_a_thread_of_its_own(mill: App) -> None:
    app, left = flask(), list[str]()
    app.teardown_appcontext(lambda _: left.append(threading.current_thread().name))
    Workmill(app, mill=mill)
    job = mill.task_named("greeting").enqueue()

    mill.drain()

    said = job.refresh().outcome()
    assert said.startswith("hello of workmill-task")
    assert left == [said.partition(" of ")[2]]


async def test_a_coroutine_runs_in_the_application_s_context(mill: App) -> None:
    async def greeting() -> str:
        return str(current_app.config["GREETING"])

    task = mill.task(name="awaited")(greeting)
    Workmill(flask(), mill=mill)
    job = await task.aenqueue()

    await mill.adrain()

    assert (await job.arefresh()).outcome() == "hello"


def test_of_two_applications_the_later_one_gives_the_context(mill: App) -> None:
    jobs = Workmill(mill=mill)
    jobs.init_app(flask("first"))
    jobs.init_app(flask("second"))
    job = mill.task_named("greeting").enqueue()

    mill.drain()

    assert job.refresh().outcome().startswith("second of")
    assert len(mill.task_named("greeting").surroundings) == 1


def test_dashboard_and_api_are_below_the_mount_and_the_host_has_all_else(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, mount="/our/jobs")
    client = app.test_client()

    page, tasks, unknown = client.get("/our/jobs/tasks"), client.get("/our/jobs/v1/tasks"), client.get("/our/jobsx")

    assert client.get("/our/jobs").status_code == 200
    assert 'href="/our/jobs/jobs' in page.text
    assert [each["name"] for each in tasks.json["items"]] == ["add", "greeting"]
    assert client.get("/").text == "the host's own page"
    assert unknown.status_code == 404
    assert "Content-Security-Policy" not in unknown.headers


def test_without_a_mount_there_is_no_page(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, mount=None)

    assert app.test_client().get("/jobs/").status_code == 404


def test_the_api_can_be_left_out(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, api=False)

    assert app.test_client().get("/jobs/v1/tasks").status_code == 404


def test_there_are_no_streams(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill)
    job = mill.task_named("add").enqueue(1, 2)
    client = app.test_client()

    stream, doorbell = client.get(f"/jobs/v1/jobs/{job.id}/events"), client.get("/jobs/events")

    assert (stream.status_code, stream.mimetype) == (406, "application/problem+json")
    assert doorbell.status_code == 204


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        (None, (403, 403, 403, 403)),
        ("reader", (200, 200, 403, 403)),
        ("operator", (200, 200, 202, 403)),
        ("admin", (200, 200, 202, 200)),
    ],
)
def test_the_host_says_who_may_do_what_by_its_own_session(mill: App, role: str | None, codes: tuple[int, ...]) -> None:
    levels = {"reader": Access.READ, "operator": Access.OPERATE, "admin": Access.ADMIN}
    app = flask()
    Workmill(app, mill=mill, access=lambda: levels.get(session.get("role", "")))

    @app.get("/enter/<role>")
    def enter(role: str) -> str:
        session["role"] = role
        return "in"

    client = app.test_client()
    if role:
        client.get(f"/enter/{role}")

    found = (
        client.get("/jobs/"),
        client.get("/jobs/v1/jobs"),
        client.post("/jobs/v1/tasks/add/jobs", json={"a": 1, "b": 2}),
        client.put("/jobs/v1/limits/queue/default", json={"running": 2}),
    )

    assert tuple(each.status_code for each in found) == codes


def test_where_the_host_says_who_gets_in_it_answers_for_its_own_names(mill: App) -> None:
    app, guarded = flask(), flask()
    Workmill(app, mill=mill)
    Workmill(guarded, mill=mill, access=lambda: Access.READ)
    headers = {"Host": "shop.example"}

    assert app.test_client().get("/jobs/", headers=headers).status_code != 200
    assert guarded.test_client().get("/jobs/", headers=headers).status_code == 200


def test_nothing_that_a_client_sends_is_taken_for_the_host_s_word(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, access=lambda: None)

    answer = app.test_client().get("/jobs/", environ_overrides={"workmill.access": Access.ADMIN})

    assert answer.status_code == 403


def test_another_site_s_page_changes_nothing(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, access=lambda: Access.ADMIN)
    headers = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}

    answer = app.test_client().post("/jobs/v1/tasks/add/jobs", json={"a": 1, "b": 2}, headers=headers)

    assert answer.status_code == 403
    assert not mill.counts()


def test_a_token_opens_both_doors(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill, token="all", read_token="look")
    client = app.test_client()

    def codes(token: str | None) -> tuple[int, int]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        new = client.post("/jobs/v1/tasks/add/jobs", json={"a": 1, "b": 2}, headers=headers)
        return client.get("/jobs/", headers=headers).status_code, new.status_code

    assert codes("all") == (200, 202)
    assert codes("look") == (200, 403)
    assert codes("wrong") == (401, 401)
    assert codes(None) == (401, 401)


def test_without_a_word_only_this_machine_gets_in(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill)
    client = app.test_client()

    def code(path: str, **environ: Any) -> int:
        return client.get(path, environ_overrides=environ).status_code

    assert (code("/jobs/"), code("/jobs/v1/jobs")) == (200, 200)
    far = {"REMOTE_ADDR": "10.0.0.9"}
    assert (code("/jobs/", **far), code("/jobs/v1/jobs", **far), code("/jobs/livez", **far)) == (403, 403, 200)


@pytest.mark.parametrize("mount", ["jobs", "/jobs/", "/"])
def test_a_mount_that_is_no_path_is_refused(mill: App, mount: str) -> None:
    with pytest.raises(ConfigError, match="must begin with / and not end with one"):
        Workmill(flask(), mill=mill, mount=mount)


def test_a_second_extension_in_one_application_is_refused(mill: App) -> None:
    app = flask()
    Workmill(app, mill=mill)

    with pytest.raises(ConfigError, match="has the extension Workmill already"):
        Workmill(app, mill=mill)

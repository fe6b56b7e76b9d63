"""What a request may do through a host: by its method and path, whatever tricks are in them."""

from collections.abc import Iterator

import pytest
from flask import Flask, abort, request
from starlette.testclient import TestClient
from werkzeug.test import TestResponse

from workmill import App, ConfigError
from workmill.contrib.doors import doors
from workmill.contrib.flask import Access, Workmill


@pytest.fixture
def mill() -> Iterator[App]:
    with App("memory://") as mill:
        mill.task(name="add")(_add)
        yield mill


def _add(a: int, b: int) -> int:
    return a + b


def ask(mill: App, method: str, path: str, access: object, body: object = None) -> TestResponse:
    web = Flask("shop")
    Workmill(web, mill=mill, access=lambda: access)  # type: ignore[arg-type,return-value] # nonsense is tried, too
    return web.test_client().open(f"/jobs{path}", method=method, json=body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/queues/default/purge"),
        ("PUT", "/v1/limits/queue/default"),
        ("DELETE", "/v1/limits/queue/default"),
        ("PUT", "/v1/schedules/nightly"),
        ("PATCH", "/v1/schedules/nightly"),
        ("DELETE", "/v1/schedules/nightly"),
    ],
)
def test_what_takes_an_admin_on_the_dashboard_takes_one_over_the_api(mill: App, method: str, path: str) -> None:
    refused, allowed = (ask(mill, method, path, access, {}) for access in (Access.OPERATE, Access.ADMIN))

    assert refused.status_code == 403
    assert "the right to admin" in refused.text
    assert allowed.status_code != 403


def test_a_line_feed_behind_the_path_gets_nobody_further(mill: App) -> None:
    mill.task_named("add").enqueue(1, 2)

    answer = ask(mill, "POST", "/v1/queues/default/purge%0A", Access.OPERATE, {"expected_count": 1})

    assert answer.status_code in {400, 403}
    assert [count.state for count in mill.counts()] == ["queued"]


def test_a_line_feed_behind_the_path_opens_no_stream(mill: App) -> None:
    job = mill.task_named("add").enqueue(1, 2)

    assert ask(mill, "GET", f"/v1/jobs/{job.id}/events%0A", Access.READ).status_code == 400


@pytest.mark.parametrize("nonsense", [True, 3, 1.0, "admin", 99])
@pytest.mark.parametrize("path", ["/jobs", "/v1/jobs"])
def test_what_is_no_access_lets_nobody_in(mill: App, nonsense: object, path: str) -> None:
    client = TestClient(doors(mill, access=lambda _: nonsense, live="poll"), raise_server_exceptions=False)  # type: ignore[arg-type,return-value] # that is the test

    assert client.get(path).status_code == 500
    with pytest.raises(ConfigError, match=f"answered {nonsense!r}; let it return an Access"):
        TestClient(doors(mill, access=lambda _: nonsense)).get("/v1/jobs")  # type: ignore[arg-type,return-value] # likewise


def test_a_rule_of_flask_s_may_abort(mill: App) -> None:
    web = Flask("shop")

    def access() -> Access:
        if "user" not in request.headers:
            abort(401)
        return Access.READ

    Workmill(web, mill=mill, access=access)

    assert web.test_client().get("/jobs/jobs").status_code == 401
    assert web.test_client().get("/jobs/v1/jobs").status_code == 401
    assert web.test_client().get("/jobs/jobs", headers={"user": "any"}).status_code == 200

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from workmill import ConfigError, check_bind
from workmill.http import from_environment

PROGRAM = """
from workmill import App

app = App("memory://")
other = object()

class Holder:
    app = app

@app.task
def add(a: int, b: int) -> int:
    return a + b
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "program_of_environment.py").write_text(PROGRAM)
    (tmp_path / "program_of_no_type.py").write_text(f"{PROGRAM}\n@app.task\ndef bad(a: 'Nothing'): ...\n")
    (tmp_path / "program_that_breaks.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("APP", "TOKEN", "HOSTS", "PREFIX"):
        monkeypatch.delenv(f"WORKMILL_{name}", raising=False)
    yield
    for name in ("program_of_environment", "program_of_no_type"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("spec", ["program_of_environment:app", "program_of_environment:Holder.app"])
def test_the_application_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    monkeypatch.setenv("WORKMILL_APP", spec)

    with TestClient(from_environment(), base_url="http://localhost") as client:
        assert [task["name"] for task in client.get("/v1/tasks").json()["items"]] == ["add"]


def test_token_hosts_and_prefix_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_APP", "program_of_environment:app")
    monkeypatch.setenv("WORKMILL_TOKEN", "secret")
    monkeypatch.setenv("WORKMILL_HOSTS", "a.example, b.example:81,")
    monkeypatch.setenv("WORKMILL_PREFIX", "/jobs")

    with TestClient(from_environment(), base_url="http://localhost/jobs") as client:
        bearer = {"Authorization": "Bearer secret"}
        assert client.get("/v1/tasks").status_code == 401
        assert client.get("/v1/tasks", headers=bearer).status_code == 200
        assert client.get("/v1/tasks", headers={**bearer, "Host": "a.example"}).status_code == 200
        assert client.get("/v1/tasks", headers={**bearer, "Host": "b.example:81"}).status_code == 200
        assert client.get("/v1/tasks", headers={**bearer, "Host": "c.example"}).status_code == 421


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "names no application"),
        ("program_of_environment", "not of the form module:attribute"),
        (":app", "not of the form module:attribute"),
        ("no_such_program:app", "there is no module"),
        ("program_that_breaks:app", "no_such_module"),
        ("program_of_environment:missing", "no attribute"),
        ("program_of_environment:other", "not a workmill.App"),
        ("program_of_no_type:app", "task 'bad': a type hint cannot be read"),
    ],
)
def test_an_application_that_cannot_be_found_is_refused(monkeypatch: pytest.MonkeyPatch, spec: str, said: str) -> None:
    monkeypatch.setenv("WORKMILL_APP", spec)

    with pytest.raises(ConfigError, match=said):
        from_environment()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_a_loopback_address_may_be_bound_without_a_token(host: str) -> None:
    check_bind(host, None)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "example.com", "localhost.example.com", "127.0.0.1.example"]
)
@pytest.mark.parametrize("token", [None, ""])
def test_an_address_that_others_reach_needs_a_token(host: str, token: str | None) -> None:
    with pytest.raises(ConfigError, match="WORKMILL_TOKEN"):
        check_bind(host, token)

    check_bind(host, "secret")

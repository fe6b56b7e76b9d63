import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import DEADLINE_SECONDS, finished

Spawn = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.slow


def first_line(process: "subprocess.Popen[str]", pattern: str) -> re.Match[str]:
    """Read stderr up to a line that matches; a process that ends without one fails the test."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"the process ended without a line like {pattern!r}")


def test_help_and_version_need_no_application(spawn: Spawn, project: Path) -> None:
    (project / "pyproject.toml").unlink()

    shown, version = finished(spawn("--help")), finished(spawn("--version"))

    assert shown.code == 0
    assert shown.out.startswith("Usage: workmill COMMAND")
    assert (version.code, version.out.count(".")) == (0, 2)


def test_json_is_all_there_is_on_stdout(spawn: Spawn) -> None:
    done = finished(spawn("call", "resize", "a.png", "--json"))

    assert done.code == 0
    assert json.loads(done.out)["state"] == "queued"
    assert done.err.startswith("workmill: enqueued resize")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["cal"], 2),
        (["--nonsense"], 2),
        (["call", "resize"], 2),
        (["worker", "--concurrency", "none"], 2),
        (["worker", "--concurrency", "0"], 2),
        (["worker", "--queues", "no spaces"], 2),
        (["worker", "--lease", "inf"], 2),
        (["worker", "--grace", "nan"], 2),
        (["worker", "nowhere:app"], 3),
        (["worker", "--health", "0.0.0.0:0"], 3),
        (["dev", "nowhere:app"], 3),
        (["web", "nowhere:app"], 3),
        (["web", "--host", "0.0.0.0", "--port", "0"], 2),
        (["web", "--port", "99999"], 1),
        (["jobs", "show", "01890a5d-ac96-774b-bcce-b302099a8057"], 5),
    ],
    ids=str,
)
def test_errors_have_exit_codes_and_one_message_without_a_traceback(spawn: Spawn, words: list[str], code: int) -> None:
    done = finished(spawn(*words))

    assert done.code == code
    assert done.out == ""
    assert "workmill" in done.err
    assert "Traceback" not in done.err


def test_a_store_that_cannot_be_opened_has_its_own_exit_code(
    spawn: Spawn, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKMILL_URL", f"sqlite:///{project}/no/such/folder/jobs.db")

    done = finished(spawn("jobs", "list"))

    assert done.code == 4
    assert "Traceback" not in done.err


def test_a_memory_store_cannot_be_worked_by_a_process_tree(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_URL", "memory://")

    done = finished(spawn("worker"))

    assert done.code == 3
    assert "lives inside one process" in done.err


def test_a_narrow_terminal_encoding_is_no_reason_to_fail(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert finished(spawn("call", "fail", "東京")).code == 0

    as_json, shown = finished(spawn("jobs", "list", "--json")), finished(spawn("jobs", "list"))
    job_id = json.loads(as_json.out)["items"][0]["id"]

    assert json.loads(as_json.out)["items"][0]["args"] == {"text": "東京"}
    assert (shown.code, finished(spawn("jobs", "show", job_id)).code) == (0, 0)


def test_ctrl_c_ends_a_wait_and_says_that_the_job_goes_on(spawn: Spawn) -> None:
    waiting = spawn("call", "resize", "a.png", "--wait")
    first_line(waiting, "no live worker")

    waiting.send_signal(signal.SIGINT)
    done = finished(waiting)

    assert done.code == 130
    assert "goes on" in done.err
    assert "Traceback" not in done.err


def test_term_ends_a_wait_as_it_ends_any_process(spawn: Spawn) -> None:
    waiting = spawn("call", "resize", "a.png", "--wait")
    first_line(waiting, "no live worker")

    waiting.terminate()

    assert finished(waiting).code == -signal.SIGTERM


def test_a_reader_that_leaves_early_is_no_error_to_read_about(spawn: Spawn, project: Path) -> None:
    assert finished(spawn("call", "resize", "a.png")).code == 0
    read, write = os.pipe()
    os.close(read)

    listing = subprocess.run(
        [sys.executable, "-m", "workmill", "jobs", "list"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
        cwd=project,
        check=False,
    )
    os.close(write)

    assert (listing.returncode, listing.stderr) == (141, "")


def test_a_worker_runs_what_is_called_and_drains_on_term(spawn: Spawn) -> None:
    worker = spawn("worker", "--queues", "default,images", "--name", "one", "--log-format", "json")
    first_line(worker, "WorkerStarted")

    called = finished(spawn("call", "resize", "a.png", "--wait=30"))
    workers = json.loads(finished(spawn("doctor", "--json")).out)["items"]
    worker.terminate()
    done = finished(worker)

    assert (called.code, json.loads(called.out)["path"]) == (0, "a.png")
    assert "1 live, 0 of 16 slots taken" in [finding["detail"] for finding in workers]
    assert (done.code, done.out) == (0, "")
    assert [json.loads(line)["event"] for line in done.err.splitlines()][-2:] == ["WorkerStopping", "WorkerStopped"]


def test_cancel_reaches_a_running_job_across_processes(spawn: Spawn) -> None:
    worker = spawn("worker", "--log-format", "json")
    first_line(worker, "WorkerStarted")
    job_id = finished(spawn("call", "wait_for_cancel")).out.strip()

    cancelled = finished(spawn("jobs", "cancel", job_id, "--reason", "enough"))
    waited = finished(spawn("jobs", "wait", job_id, "--timeout", "30"))

    assert cancelled.code == 0
    assert waited.code == 8
    assert "was cancelled: enough" in waited.err


def test_a_grace_may_be_endless(spawn: Spawn) -> None:
    worker = spawn("worker", "--grace", "inf")
    first_line(worker, "takes all queues")

    worker.terminate()

    assert finished(worker).code == 0


def test_a_worker_is_asked_where_the_environment_says(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("WORKMILL_HEALTH", f"127.0.0.1:{free.getsockname()[1]}")
    assert finished(spawn("health")).code == 1

    worker = spawn("worker")
    first_line(worker, "takes all queues")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (asked := finished(spawn("health"))).code and time.monotonic() < deadline:
        continue

    assert (asked.code, asked.out) == (0, "ready\n")
    worker.terminate()
    assert finished(worker).code == 0


def test_web_serves_the_api_with_a_token_and_never_shows_it(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_TOKEN", "a-long-secret")
    server = spawn("web", "--port", "0", "--log-format", "pretty")
    url = first_line(server, r"(http://127\.0\.0\.1:\d+)")[1]

    with pytest.raises(HTTPError) as refused:
        answer(f"{url}/v1/tasks")
    tasks = answer(f"{url}/v1/tasks", token="a-long-secret")
    server.terminate()
    done = finished(server)

    assert refused.value.code == 401
    refused.value.close()
    assert tasks == json.loads(finished(spawn("tasks", "list", "--json")).out)
    assert done.code == -signal.SIGTERM
    assert "a-long-secret" not in done.err


def test_dev_runs_the_worker_and_the_api_and_ends_both(spawn: Spawn) -> None:
    dev = spawn("dev", "--port", "0")
    url = first_line(dev, r"(http://127\.0\.0\.1:\d+)")[1]

    job = answer(f"{url}/v1/tasks/resize/jobs?wait=30", body={"path": "a.png"})
    dev.send_signal(signal.SIGINT)
    done = finished(dev)

    assert job["state"] == "succeeded"
    assert done.code == 0
    with pytest.raises(OSError, match="refused"):
        answer(f"{url}/v1/tasks")


def test_dev_takes_up_new_code_at_the_same_address(spawn: Spawn, project: Path) -> None:
    dev = spawn("dev", "--port", "0")
    url = first_line(dev, r"(http://127\.0\.0\.1:\d+)")[1]
    (module,) = project.glob("*.py")
    added = module.read_text() + "\n\n@app.task\ndef added() -> str:\n    return 'new'\n"
    (project / "new").write_text(added)
    (project / "new").replace(module)

    again = first_line(dev, r"(http://127\.0\.0\.1:\d+)")[1]
    job = answer(f"{url}/v1/tasks/added/jobs?wait=30", body={})
    dev.send_signal(signal.SIGINT)

    assert again == url
    assert (job["state"], job["result"]) == ("succeeded", "new")
    assert finished(dev).code == 0


@pytest.mark.parametrize("descriptor", ["0", "999"])
def test_web_refuses_what_is_no_socket(spawn: Spawn, descriptor: str) -> None:
    done = finished(spawn("web", "--fd", descriptor))

    assert done.code == 1
    assert f"--fd {descriptor} cannot be used: " in done.err


def test_dev_ends_when_its_port_is_taken(spawn: Spawn) -> None:
    server = spawn("web", "--port", "0")
    port = first_line(server, r"http://127\.0\.0\.1:(\d+)")[1]

    done = finished(spawn("dev", "--port", port))

    assert done.code == 1
    assert f"port {port}: Address already in use; give another --port" in done.err


@pytest.mark.alone
def test_help_comes_at_once() -> None:
    def fastest(*words: str) -> float:
        return min(_seconds([sys.executable, *words]) for _ in range(5))

    bare, shown = fastest("-c", "pass"), fastest("-m", "workmill", "--help")

    # 250 ms where a bare interpreter takes 12; a slower machine gets its share.
    assert shown < 0.25 * max(1.0, bare / 0.012)


def answer(url: str, *, body: object = None, token: str = "") -> dict[str, object]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers), timeout=DEADLINE_SECONDS) as response:
        found: dict[str, object] = json.load(response)
        return found


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, check=True)
    return time.perf_counter() - began

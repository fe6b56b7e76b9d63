"""The one-at-a-time example as a stranger uses it: its own program, over HTTP, and what crashes do to it."""

import http.client
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from examples.producer_consumer.tasks import consume
from examples.running import ROOT
from tests.acceptance.processes import await_end, descendants
from tests.acceptance.servers import HOST, await_listening, free_port, running
from workmill import App, JobState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it starts a tree of processes")]

CLIENTS = 20
DEADLINE_SECONDS = 30.0
LEASE_BOUND_SECONDS = 60.0
"""How long a start may be refused after a crash: the lease of 15 seconds, a sweep, and what a busy machine adds."""
BUSY = {"detail": "A task is already being executed"}


class Example:
    """The example's program, and one client of it."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, object]]:
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=DEADLINE_SECONDS)) as connection:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")

    def start(self, query: str = "") -> str:
        status, answer = self.ask("GET", f"/start?{query}")
        assert (status, set(answer)) == (200, {"id", "status"})
        return str(answer["id"])

    def until(self, state: str, task_id: str | None = None) -> dict[str, object]:
        query = "" if task_id is None else f"?task_id={task_id}"
        return until(lambda: self.ask("GET", f"/status{query}")[1], lambda answer: answer.get("status") == state)


def until(
    ask: Callable[[], dict[str, object]],
    is_it: Callable[[dict[str, object]], bool],
    seconds: float = DEADLINE_SECONDS,
) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while not is_it(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)  # HTTP tells nobody of a change
    return answer


@contextmanager
def example(url: str, folder: Path = ROOT) -> Iterator[Example]:
    port = free_port()
    with running(url, ["-m", "examples.one_at_a_time", f"--port={port}"], folder=folder) as process:
        await_listening(port, process)
        yield Example(port, process.pid)


@contextmanager
def web_server(url: str) -> Iterator[Example]:
    port = free_port()
    words = ["-m", "uvicorn", "--factory", "examples.one_at_a_time:create_app", f"--port={port}"]
    with running(url, [*words, "--log-level=warning"]) as process:
        await_listening(port, process)
        yield Example(port, process.pid)


@pytest.mark.timeout(180)
def test_every_line_of_the_contract(url: str) -> None:
    with example(url) as it:
        assert it.ask("GET", "/status") == (400, {"detail": "No task has been executed yet"})
        first = it.start("seconds=60")
        assert it.ask("GET", "/start") == (400, BUSY)
        assert it.until("running") == {"id": first, "status": "running", "result": None}
        assert it.ask("POST", "/cancel")[0] == 200
        assert it.until("cancelled")["result"] == "cancelled by hand"
        assert it.ask("POST", "/cancel") == (400, {"detail": "No task is being executed"})

        second = it.start("seconds=0")
        assert it.until("succeeded", second)["result"] == "worked for 0 s"
        assert it.ask("GET", f"/status?task_id={first}")[1]["status"] == "cancelled"

        failed = it.until("failed", it.start("seconds=0&manner=fail"))
        assert "RuntimeError: it was asked to fail" in str(failed["result"])
        assert "Traceback" in str(failed["result"])
        unwritable = it.until("failed", it.start("seconds=0&manner=unwritable"))
        assert "has no JSON form" in str(unwritable["result"])

        stuck = it.start("manner=stuck")
        it.until("running", stuck)
        assert it.ask("POST", f"/cancel?task_id={stuck}")[0] == 200
        it.until("cancelled", stuck)
        assert it.ask("GET", "/status?task_id=unknown")[0] == 404
        assert it.ask("GET", "/start?manner=unknown")[0] == 422


@pytest.mark.timeout(120)
def test_of_twenty_clients_of_two_web_servers_one_starts_it(url: str) -> None:
    with example(url) as one, web_server(url) as other, ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda number: (one, other)[number % 2].ask("GET", "/start"), range(CLIENTS)))

    assert sorted(status for status, _ in answers) == [200, *[400] * (CLIENTS - 1)]
    assert all(answer == BUSY for status, answer in answers if status == 400)


@pytest.mark.timeout(120)
def test_worker_takes_up_a_change_of_the_task(sqlite_url: str, tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "examples" / "one_at_a_time", tmp_path / "examples" / "one_at_a_time")
    for name in ("__init__.py", "running.py"):
        shutil.copy(ROOT / "examples" / name, tmp_path / "examples")
    source = (copy / "tasks.py").read_text()

    with example(sqlite_url, tmp_path) as it:
        assert it.until("succeeded", it.start("seconds=0"))["result"] == "worked for 0 s"
        (copy / "tasks.py").write_text(source.replace("worked for", "laboured for"))

        until(
            lambda: it.until("succeeded", it.start("seconds=0")), lambda answer: answer["result"] == "laboured for 0 s"
        )


@pytest.mark.timeout(60)
def test_nothing_is_started_or_cancelled_that_nobody_has_asked_for(sqlite_url: str) -> None:
    with App(sqlite_url) as app, web_server(sqlite_url) as it:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Host": "evil.example"},
        ):
            assert it.ask("GET", "/start", headers)[0] == 403
        assert it.ask("HEAD", "/start")[0] == 405
        assert not app.jobs().jobs

        task = it.start()
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            assert it.ask("POST", f"/cancel?task_id={task}", headers)[0] == 403
        [another] = app.enqueue_many([consume.job(1)])
        assert it.ask("POST", f"/cancel?task_id={another.id}")[0] == 404
        assert {job.state for job in app.jobs().jobs} == {JobState.QUEUED}


@pytest.mark.timeout(240)
def test_after_a_kill_of_the_worker_and_of_the_web_server_it_is_there_and_can_be_started_again(
    sqlite_url: str,
) -> None:
    with example(sqlite_url) as it:
        task = it.start("seconds=2")
        it.until("running", task)
        everybody = {it.pid, *descendants(it.pid)}
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everybody:
                os.kill(pid, number)
        assert not await_end(everybody, DEADLINE_SECONDS)

    with example(sqlite_url) as it:
        assert it.ask("GET", "/start") == (400, BUSY)
        seen = until(
            lambda: it.ask("GET", "/status")[1], lambda answer: answer["status"] == "succeeded", LEASE_BOUND_SECONDS
        )
        assert seen["id"] == task
        it.start("seconds=0")


@pytest.mark.timeout(120)
def test_nothing_is_left_of_it_after_ctrl_c(sqlite_url: str) -> None:
    with example(sqlite_url) as it:
        it.start("manner=stuck")
        it.until("running")
        everybody = {it.pid, *descendants(it.pid)}
        os.kill(it.pid, signal.SIGINT)

        assert not await_end(everybody, DEADLINE_SECONDS)

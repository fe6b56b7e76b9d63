"""The one-at-a-time example as a stranger uses it: its own program, over HTTP, and what crashes do to it."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.acceptance.client import Client
from tests.acceptance.processes import await_end, command_of, descendants
from tests.acceptance.servers import await_listening, free_port, running

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

    def ask(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        with Client(self.port) as client:
            status, answer = client.ask(method, path)
            return status, json.loads(answer)

    def start(self, query: str = "") -> str:
        status, answer = self.ask("GET", f"/start?{query}")
        assert (status, set(answer)) == (200, {"id", "status"})
        return str(answer["id"])

    def until(self, state: str, task_id: str | None = None) -> dict[str, object]:
        query = "" if task_id is None else f"?task_id={task_id}"
        return until(lambda: self.ask("GET", f"/status{query}")[1], lambda answer: answer.get("status") == state)

    def program(self, words: str) -> int:
        return next(pid for pid in descendants(self.pid) if words in command_of(pid))


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
def example(url: str) -> Iterator[Example]:
    port = free_port()
    with running(url, ["-m", "examples.one_at_a_time", f"--port={port}"]) as process:
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
def test_of_twenty_clients_one_starts_it(url: str) -> None:
    with example(url) as it, ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda _: it.ask("GET", "/start?seconds=600"), range(CLIENTS)))

    assert sorted(status for status, _ in answers) == [200, *[400] * (CLIENTS - 1)]
    assert all(answer == BUSY for status, answer in answers if status == 400)


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

"""`./run demo` as a person starts it: five examples and the dashboard below one page, on each store, and its end."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.__main__ import NAMES
from examples.running import ROOT
from tests.acceptance.browser import PHONE, Look, a_browser
from tests.acceptance.processes import await_end, command_of, descendants
from tests.acceptance.robot_parts import QUICK
from tests.acceptance.servers import HOST, READY_SECONDS, await_listening, free_port, running
from workmill import App

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFERENCE = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"
DEADLINE_SECONDS = 60.0
LOOK_SECONDS = 1.0
TASKS = ("analyse", "long_task", "producer_consumer.consume", "robot.register", "robot.work", "sentiment.analyse")
"""At least one of each example; what the test does leaves jobs of each."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at trees of processes"),
]


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """Give a store of this test's own; on SQLite through the library that the demo uses."""
    found = str(request.getfixturevalue(f"{request.param}_url"))
    return f"{found}?driver=sqlite3" if request.param == "sqlite" else found


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    for name in ("CHESS_DATABASE", "SENTIMENT_DATABASE", "SENTIMENT_MAIL_FOLDER", "ROBOT_RECORDS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@contextmanager
def everything(url: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    with running(url, ["-m", "examples", f"--port={port}"]) as process:
        await_listening(port, process)
        yield process


class Visitor:
    """A client who knows the one address."""

    def __init__(self, port: int, app: App) -> None:
        self._port = port
        self._app = app

    def ask(self, method: str, path: str, body: str | None = None, kind: str = "text/plain") -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=READY_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, (
                answer.status in {303, 307} and answer.getheader("Location")
            ) or answer.read().decode()
        finally:
            connection.close()

    def said(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        status, text = self.ask(method, path, json.dumps(body) if body else None, "application/json")
        assert status in {200, 202}, text
        found: dict[str, Any] = json.loads(text)
        return found

    async def until(self, path: str, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until an answer is as wanted; whatever changes it is a change of some job."""
        ends_at = time.monotonic() + DEADLINE_SECONDS
        async with self._app.changes() as changes:
            while True:
                found = await asyncio.to_thread(self.said, "GET", path)
                if wanted(found):
                    return found
                assert time.monotonic() < ends_at, found
                await changes.next(LOOK_SECONDS)


async def test_each_example_does_its_work_below_its_path_and_one_ctrl_c_ends_all(url: str) -> None:
    port = free_port()

    with everything(url, port) as process, App(url) as app:
        visitor = Visitor(port, app)
        pages_are_there(visitor)
        await chess(visitor)
        await one_at_a_time(visitor)
        producer_consumer(visitor)
        await sentiment(visitor)
        await robot(visitor)
        dashboard_shows_all(visitor)
        tree = descendants(process.pid)
        os.kill(process.pid, signal.SIGINT)
        status = await asyncio.to_thread(process.wait, READY_SECONDS)
        left = await asyncio.to_thread(await_end, tree, 0.0)

    assert (status, left) == (0, set())


def pages_are_there(visitor: Visitor) -> None:
    status, page = visitor.ask("GET", "/")
    links = set(re.findall(r'href="([a-z_]+/)"', page))

    assert status == 200
    assert links == {f"{name}/" for name in NAMES} | {"jobs/"}
    for link in links:
        assert visitor.ask("GET", f"/{link.rstrip('/')}")[0] == 307
        status, page = visitor.ask("GET", f"/{link}")
        assert (status, "<h1" in page) == (200, True)
        for path in re.findall(r'(?:href|src)="([^"#]*static/[^"#]+)', page):
            assert visitor.ask("GET", path if path.startswith("/") else f"/{link}{path}")[0] == 200, path


async def chess(visitor: Visitor) -> None:
    job = visitor.said("POST", "/chess/analyze", {"fen": REFERENCE})["id"]
    found = await visitor.until(f"/chess/analysis?id={job}", lambda each: each["status"] == "done")

    assert found["result"][0]["mate_score"] == -2


async def one_at_a_time(visitor: Visitor) -> None:
    first = visitor.said("GET", "/one_at_a_time/start?seconds=60")["id"]
    await visitor.until("/one_at_a_time/status", lambda each: each["status"] == "running")
    assert visitor.ask("GET", "/one_at_a_time/start")[0] == 400
    cancelled = visitor.said("POST", "/one_at_a_time/cancel")
    await visitor.until("/one_at_a_time/status", lambda each: each["status"] == "cancelled")
    visitor.said("GET", "/one_at_a_time/start?seconds=0")
    await visitor.until("/one_at_a_time/status", lambda each: each["status"] == "succeeded")

    assert cancelled["id"] == first


def producer_consumer(visitor: Visitor) -> None:
    ends_at = time.monotonic() + DEADLINE_SECONDS
    # While the queue is full, the server itself waits before it refuses.
    while (answer := visitor.ask("GET", "/producer_consumer/prodcons"))[0] == 503:
        assert time.monotonic() < ends_at, answer

    assert answer == (303, "/producer_consumer/")
    assert visitor.ask("GET", "/producer_consumer/pubsub") == (303, "/producer_consumer/")
    assert visitor.ask("GET", "/producer_consumer/live")[0] == 200


async def sentiment(visitor: Visitor) -> None:
    status, text = visitor.ask("PUT", "/sentiment/files/soup.txt", "I love this place!\nThe soup was terrible.\n")
    taken = json.loads(text)
    found = await visitor.until(taken["status"], lambda each: each["state"] == "success")

    assert (status, taken["status"]) == (202, f"/sentiment/requests/{taken['id']}/status")
    assert len(found["analyses"]) == 4


async def robot(visitor: Visitor) -> None:
    form = "application/x-www-form-urlencoded"
    status, page = visitor.ask("POST", "/robot/userregres/", "name=Ada&course=sums", form)
    visitor.said("POST", "/robot/api/wstart", {"timedelta": 1, "records": 5, "msg": "hello", "rplstatus": "START"})
    worked = await visitor.until("/robot/api/wstatus", lambda each: each["pool"]["done"])
    stopped = visitor.said("POST", "/robot/api/wstop")

    assert (status, "robot-registrations" in page) == (202, True)
    assert (worked["status"], stopped["status"]) == ("started", "stopped")


def dashboard_shows_all(visitor: Visitor) -> None:
    tasks = visitor.ask("GET", "/jobs/tasks")[1]

    # Asked of the server: to import the demo would set Django up for all tests of this process.
    names = [each["name"] for each in visitor.said("GET", "/jobs/v1/tasks")["items"]]
    assert set(TASKS) <= set(names)
    assert [name for name in names if f'href="/jobs/tasks/{name}"' not in tasks] == []
    for task in TASKS:
        status, page = visitor.ask("GET", f"/jobs/jobs?task={task}")
        assert (status, bool(re.search(r'href="/jobs/jobs/[0-9a-f-]{36}"', page))) == (200, True), task
        assert f'<form method="post" action="/jobs/tasks/{task}"' in visitor.ask("GET", f"/jobs/tasks/{task}")[1]


def test_person_goes_from_the_page_to_each_example_and_the_dashboard_and_a_kill_leaves_nothing(sqlite_url: str) -> None:
    port = free_port()

    with a_browser() as browser, everything(f"{sqlite_url}?driver=sqlite3", port) as process:
        address = f"http://{HOST}:{port}/"
        with Look(browser, address, color_scheme="dark", **PHONE) as phone, Look(browser, address) as look:
            assert phone.fits()
            assert phone.ground != look.ground
            assert look.barriers() == phone.barriers() == []
        with Look(browser, address, refused=(400, 503)) as look:
            look.page.set_default_timeout(DEADLINE_SECONDS * 1000)
            for visit in (play_chess, take_a_turn, put_an_element, send_a_sample, start_the_robot, run_a_task):
                look.page.goto(address)
                visit(look.page)
            assert look.faults == []
        tree = descendants(process.pid)
        process.kill()
        left = await_end(tree, READY_SECONDS)

    assert not left


def enter(page: "Page", title: str) -> None:
    """Follow a link of the first page. Before the page behind it is loaded, its buttons do nothing yet."""
    page.click(f"h2:has-text('{title}')")
    page.wait_for_url(re.compile(r"://[^/]+/\w+/$"), wait_until="load")


def play_chess(page: "Page") -> None:
    enter(page, "Chess analysis")
    page.select_option("#examples", label="Black mates in two")
    page.click("#go")
    page.wait_for_selector("#progress-text:has-text('Done')")


def take_a_turn(page: "Page") -> None:
    enter(page, "One task at a time")
    page.fill("input[name=seconds]", "0")
    page.click("button:has-text('Start')")
    page.wait_for_selector("#state:has-text('succeeded')")


def put_an_element(page: "Page") -> None:
    enter(page, "Producer and consumer")
    page.click("text=Publish one element")
    page.wait_for_selector(".said:has-text('has published')")


def send_a_sample(page: "Page") -> None:
    enter(page, "Sentiment analysis")
    page.click("text=A sample of 200 lines")
    page.wait_for_url("**/sentiment/requests/*")
    page.wait_for_selector("text=VADER")


def start_the_robot(page: "Page") -> None:
    enter(page, "A form and a robot")
    page.click("#go")
    page.wait_for_selector("#rounds .badge.succeeded")
    page.click("#stop")
    page.wait_for_selector("#status:has-text('stopped')")


def run_a_task(page: "Page") -> None:
    enter(page, "The dashboard")
    page.click("nav >> text=Tasks")
    page.click("a:has-text('long_task')")
    page.fill("[name='/seconds']", "0.1")
    page.click("button[value=run]")
    page.wait_for_url("**/jobs/jobs/*")
    page.wait_for_selector("main >> text=succeeded")


def test_port_in_use_and_an_example_that_is_none_are_said_before_anything_starts(sqlite_url: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        in_use = refusal(sqlite_url, f"--port={port}")
    unknown = refusal(sqlite_url, "checkers")

    assert f"port {port} is in use" in in_use
    assert "--port" in in_use
    assert "'checkers'" in unknown
    assert all(name in unknown for name in NAMES)


def refusal(url: str, *arguments: str) -> str:
    said = subprocess.run(
        [sys.executable, "-m", "examples", *arguments],
        cwd=ROOT,
        env={**os.environ, "WORKMILL_URL": url},
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    assert said.returncode == 1
    return said.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_example_starts_alone_by_its_name(name: str, sqlite_url: str) -> None:
    port = free_port()

    with running(sqlite_url, ["-m", "examples", name, f"--port={port}"]) as process:
        await_listening(port, process)
        command = command_of(process.pid)
        status, _ = Visitor(port, App(sqlite_url)).ask("GET", "/")
        tree = descendants(process.pid)
        os.kill(process.pid, signal.SIGINT)
        ended = process.wait(READY_SECONDS)
        left = await_end(tree, 0.0)

    assert command.split()[-2] == name
    assert (status, ended, left) == (200, 0, set())

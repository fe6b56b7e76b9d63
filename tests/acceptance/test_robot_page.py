"""The robot example's page in a real browser, with every process of the example behind it, as a person starts it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.robot_parts import QUICK
from tests.acceptance.servers import HOST, await_listening, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no chromium is on the PATH, so the page is not looked at: install it", allow_module_level=True)
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the page is not looked at without playwright: ./run setup"
)
expect = sync_api.expect

DEADLINE_MS = 30_000

pytestmark = pytest.mark.slow


@pytest.fixture
def browser() -> Iterator["Browser"]:
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as tests in a container do; it sees nothing but this page.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def address(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROBOT_RECORDS_FILE", str(tmp_path / "records.db"))
    port, records_port = free_port(), free_port()
    command = ["-m", "examples.robot", f"--port={port}", f"--records-port={records_port}", "--pool=2"]
    with running(sqlite_url, command) as process:
        await_listening(port, process)
        yield f"http://{HOST}:{port}/"


@pytest.mark.timeout(120)
def test_person_registers_and_starts_and_stops_the_robot(browser: "Browser", address: str) -> None:
    faults = list[str]()
    page = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark").new_page()
    page.set_default_timeout(DEADLINE_MS)
    expect.set_options(timeout=DEADLINE_MS)
    page.on("console", lambda message: faults.append(message.text) if "422" not in message.text else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    width = page.evaluate("document.documentElement.scrollWidth")

    register(page)
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    start_and_stop(page, other)

    assert width == 390
    assert not faults


def register(page: "Page") -> None:
    page.get_by_label("Name").fill("<i>Ada</i>")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_role("button", name="Register").press("Enter")

    expect(page.locator("#queue")).to_have_text("robot-registrations")
    expect(page.locator("#job-id")).to_have_text(re.compile("^[0-9a-f-]{36}$"))
    expect(page.locator("#state")).to_have_text("succeeded")
    expect(page.locator("#ended")).not_to_have_text("–")


def start_and_stop(page: "Page", other: "Page") -> None:
    expect(page.locator("#status")).to_have_text("stopped")
    expect(page.locator("#stop")).to_be_disabled()
    page.get_by_label("Pause, in seconds").fill("0.5")
    page.get_by_label("Records a round").fill("10")
    page.locator("#go").press("Enter")

    expect(page.locator("#status")).to_have_text("started")
    expect(page.locator("#rounds .badge.succeeded").nth(1)).to_be_visible()
    expect(page.locator("#refused")).not_to_have_text("0")
    expect(other.locator("#go")).to_be_disabled()
    other.evaluate("document.getElementById('start').requestSubmit()")
    expect(other.locator("#refusal")).to_contain_text("started already")
    page.locator("#stop").press("Enter")
    expect(page.locator("#status")).to_have_text("stopped")
    expect(page.locator("#next")).to_have_text("–")
    expect(other.locator("#go")).to_be_enabled()

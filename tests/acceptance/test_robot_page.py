"""The robot example's page in a real browser, with every process of the example behind it, as a person starts it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.browser import PHONE, Look
from tests.acceptance.robot_parts import QUICK
from tests.acceptance.servers import HOST, await_listening, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="no page is looked at without playwright: ./run setup")
expect = sync_api.expect
DEADLINE_MS = 30_000

pytestmark = pytest.mark.slow


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
    with (
        Look(browser, address, refused=(422,), color_scheme="dark", **PHONE) as look,
        Look(browser, address, refused=(422,)) as other,
    ):
        barriers, widths = look.barriers() + other.barriers(), [look.fits(), other.fits()]
        register(look.page)
        barriers += look.barriers()
        widths.append(look.fits())
        look.page.goto(address)
        start_and_stop(look.page, other.page)
        barriers += look.barriers() + other.barriers()
        widths += [look.fits(), other.fits()]
        faults = look.faults + other.faults

    assert not faults
    assert not barriers
    assert all(widths)


def register(page: "Page") -> None:
    page.get_by_label("Name").fill("<i>Ada</i>")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_role("button", name="Register").press("Enter")

    expect(page.locator("#queue")).to_have_text("robot-registrations")
    expect(page.locator("#job-id")).to_have_text(re.compile("^[0-9a-f-]{36}$"))
    expect(page.locator("#state")).to_have_text("succeeded", timeout=DEADLINE_MS)
    expect(page.locator("#ended")).not_to_have_text("–")


def start_and_stop(page: "Page", other: "Page") -> None:
    expect(page.locator("#status")).to_have_text("stopped")
    expect(page.locator("#stop")).to_be_disabled()
    page.get_by_label("Pause, in seconds").fill("0.5")
    page.get_by_label("Records a round").fill("10")
    page.locator("#go").press("Enter")

    expect(page.locator("#status")).to_have_text("started")
    expect(page.locator("#rounds .badge.succeeded").nth(1)).to_be_visible(timeout=DEADLINE_MS)
    expect(page.locator("#refused")).not_to_have_text("0", timeout=DEADLINE_MS)
    expect(other.locator("#go")).to_be_disabled()
    other.evaluate("document.getElementById('start').requestSubmit()")
    expect(other.locator("#refusal")).to_contain_text("started already")
    page.locator("#stop").press("Enter")
    expect(page.locator("#status")).to_have_text("stopped")
    expect(page.locator("#next")).to_have_text("–")
    expect(other.locator("#go")).to_be_enabled()

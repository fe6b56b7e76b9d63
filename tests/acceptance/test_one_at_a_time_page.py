"""The page of the one-task example in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.browser import DEADLINE_MS, PHONE, Look
from tests.acceptance.servers import HOST, await_listening, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("one")
    port = free_port()
    with running(f"sqlite:///{folder}/jobs.db", ["-m", "examples.one_at_a_time", f"--port={port}"]) as process:
        await_listening(port, process)
        yield f"http://{HOST}:{port}/"


def says(look: Look, where: str, text: str) -> None:
    look.page.locator(where, has_text=text).wait_for()


def start(look: Look, manner: str, seconds: str = "0") -> None:
    look.page.select_option("[name=manner]", manner)
    look.page.fill("[name=seconds]", seconds)
    look.page.click("button[type=submit]")


def test_whole_contract_by_hand(browser: "Browser", address: str) -> None:
    with Look(browser, address, refused=(400,)) as look:
        assert look.barriers() == []
        start(look, "stuck")
        says(look, "#said", "Started")
        says(look, "#state", "running")
        start(look, "work")
        says(look, "#said", "A task is already being executed")
        assert look.barriers() == []

        look.page.click("#cancel")
        says(look, "#state", "cancelled")
        says(look, "#result", "cancelled by hand")
        look.page.wait_for_selector("#cancel:disabled", timeout=DEADLINE_MS)

        start(look, "work")
        says(look, "#result", "worked for 0 s")
        start(look, "fail")
        says(look, "#result", "RuntimeError: it was asked to fail")
        says(look, "#result", "Traceback")
        start(look, "unwritable")
        says(look, "#result", "has no JSON form")
        says(look, "#state", "failed")
        assert look.fits()
        assert not look.faults


def test_phone_fits_and_dark_and_light_follow_the_system(browser: "Browser", address: str) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with Look(browser, address, refused=(400,), color_scheme=scheme, **PHONE) as look:
            start(look, "fail")
            says(look, "#result", "Traceback")
            assert look.fits()
            assert look.barriers() == []
            assert not look.faults
            grounds.add(look.ground)

    assert len(grounds) == 2


def test_page_of_another_site_starts_nothing(browser: "Browser", address: str) -> None:
    with Look(browser, address, refused=(400, 403)) as look:
        before = look.page.request.get(f"{address}status").json()
        look.page.goto(f"data:text/html,<a href='{address}start'>free money</a>")

        look.page.click("a")

        assert "a page of another site sent this" in look.page.content()
        assert look.page.request.get(f"{address}status").json() == before

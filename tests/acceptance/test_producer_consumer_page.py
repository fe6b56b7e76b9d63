"""The page of the producer-consumer example in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.browser import PHONE, Look
from tests.acceptance.servers import HOST, await_listening, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("floor")
    port = free_port()
    with running(f"sqlite:///{folder}/jobs.db", ["-m", "examples.producer_consumer", f"--port={port}"]) as process:
        await_listening(port, process)
        yield f"http://{HOST}:{port}/"


def shows(look: Look, *words: str) -> None:
    for each in words:
        look.page.get_by_text(each, exact=False).first.wait_for()


def lane(look: Look, part: str, *names: str) -> None:
    for name in names:
        look.page.locator(f"section[aria-labelledby={part}] dt", has_text=name).wait_for()


def test_what_everybody_does_is_shown_as_it_happens(browser: "Browser", address: str) -> None:
    with Look(browser, address) as look:
        assert look.page.locator(".boxes li").count() == 10
        look.page.click("text=Put one element on the queue")
        assert look.page.url == address
        look.page.locator(".said .producer", has_text="the page has put").first.wait_for()
        look.page.click("text=Publish one element")
        assert look.page.url == address
        look.page.locator(".said .producer", has_text="the page has published").wait_for()
        lane(look, "consumers", "dora", "emil")
        lane(look, "subscribers", "finn", "gina", "hugo")
        lane(look, "producers", "anna", "ben", "cleo", "the page")
        look.page.locator(".said .consumer", has_text="has consumed").first.wait_for()
        look.page.locator("#sentence", has_text="The queue is full: producers wait.").wait_for()
        look.page.locator("#sentence", has_text="The queue is empty: consumers wait.").wait_for()
        assert look.barriers() == []
        assert look.fits()
        look.page.click("text=The jobs in the dashboard")
        shows(look, "Overview")
        assert not look.faults


def test_phone_fits_and_dark_and_light_follow_the_system(browser: "Browser", address: str) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with Look(browser, address, color_scheme=scheme, **PHONE) as look:
            lane(look, "producers", "anna", "ben", "cleo")
            assert look.fits()
            assert look.barriers() == []
            assert not look.faults
            grounds.add(look.ground)

    assert len(grounds) == 2


def test_without_scripts_it_refreshes_itself(browser: "Browser", address: str) -> None:
    with Look(browser, address, java_script_enabled=False) as look:
        look.page.click("text=Publish one element")

        look.page.locator(".said .subscriber", has_text="hugo has heard").first.wait_for()


def test_link_on_a_page_of_another_site_puts_nothing(browser: "Browser", address: str) -> None:
    with Look(browser, address, refused=(403,)) as look:
        look.page.goto(f"data:text/html,<a href='{address}prodcons'>free money</a>")

        look.page.click("a")

        shows(look, "A page of another site sent this")
        look.page.click("text=Back")
        assert look.page.url == address
        assert not look.faults

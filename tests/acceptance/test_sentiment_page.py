"""The sentiment example's pages in a real browser, with the real server and workers behind them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from examples.sentiment.sample import sample_text
from tests.acceptance.browser import PHONE, Look
from tests.acceptance.sentiment import DEADLINE_SECONDS, Sentiment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONGEST_MS = DEADLINE_SECONDS * 1000
HOSTILE = "<img src=x onerror=alert(1)>"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentiment]:
    folder = tmp_path_factory.mktemp("sentiment")
    with pytest.MonkeyPatch.context() as variables:
        example = Sentiment(f"sqlite:///{folder}/jobs.db?driver=sqlite3", folder, variables)
        with example.web(), example.worker():
            yield example


def choose(page: "Page", name: str, content: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content})


def test_page_follows_an_upload_live_to_its_results_and_shows_all_texts_as_texts(
    browser: "Browser", example: Sentiment
) -> None:
    text = f"{HOSTILE} is terrible, I hate it\n" + sample_text(300)
    with Look(browser, example.address) as look:
        choose(look.page, f"{HOSTILE}.txt", text.encode())
        look.page.fill("#email", "ada@example.org")
        look.page.click("text=Analyse")
        address = look.page.url
        look.page.evaluate("window.unloaded = false")
        look.page.wait_for_selector("#live[data-over=yes]", timeout=LONGEST_MS)
        stayed = look.page.evaluate("window.unloaded") is False
        states = look.page.locator(".analysis .badge").all_inner_texts()
        shown = look.page.locator("main").inner_text()
        wide = look.barriers()
        look.page.goto(example.address)
        listed = look.page.locator("tbody a").first.inner_text()
        front = look.barriers()
    with Look(browser, example.address, **PHONE, color_scheme="dark") as phone:
        fits = [phone.fits()]
        phone.page.goto(address)
        fits.append(phone.fits())
        dark = phone.barriers()

    assert stayed, "the page was loaded again instead of being brought up to date"
    assert states == ["succeeded"] * 4
    assert "The results were mailed to ada@example.org." in shown
    assert HOSTILE in shown
    assert listed == f"{HOSTILE}.txt"
    assert (wide, front, dark) == ([], [], [])
    assert fits == [True, True]
    assert (look.faults, phone.faults) == ([], [])


def test_without_javascript_it_reloads_itself_and_what_was_given_up_is_run_again_by_hand(
    browser: "Browser", example: Sentiment
) -> None:
    with Look(browser, example.address, refused=(422,), java_script_enabled=False) as look:
        choose(look.page, "bad.txt", b"fine\n\xff")
        look.page.click("text=Analyse")
        refused = look.page.locator("main").inner_text()
        look.page.goto(example.address)
        look.page.select_option("#fault", "broken")
        look.page.click("text=A sample of 200 lines")
        look.page.wait_for_selector("button", timeout=LONGEST_MS)
        given_up = look.page.locator("main").inner_text()
        look.page.click("button")
        look.page.wait_for_selector("text=round 4", timeout=LONGEST_MS)

    assert "line 2 is not UTF-8 text (byte 0xff)" in refused
    assert "Tried 3 times" in given_up
    assert "this request was sent to see how a failure looks" in given_up
    assert look.faults == []

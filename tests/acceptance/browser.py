"""Looking at an example's pages in a real browser, where there is one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DEADLINE_MS = 20_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SERIOUS = """
  axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`))
"""


@contextmanager
def a_browser() -> Iterator["Browser"]:
    """Have a browser while inside; where there is none, skip the test."""
    if CHROMIUM is None:
        pytest.skip("no chromium is on the PATH, so no page is looked at: install it")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no page is looked at without playwright: ./run setup")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as tests in a container do; it sees nothing but these pages.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Look:
    """One visitor's look at the pages below one address, who remembers what went wrong.

    Args:
        browser: Where to look.
        address: The page to begin with.
        refused: Status codes that are part of the play; a browser writes them down as errors all the same.
        context: Options of the browser's context, such as `color_scheme`.
    """

    def __init__(self, browser: "Browser", address: str, *, refused: tuple[int, ...] = (), **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.context.set_default_timeout(DEADLINE_MS)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self._address = address
        self._refused = tuple(map(str, refused))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._see(request.url))
        self.page.goto(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    @property
    def ground(self) -> str:
        """The colour that the page is written on."""
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways to."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def barriers(self) -> list[str]:
        """Return what keeps somebody from using the page, as far as axe can tell."""
        axe = find_spec("axe_playwright_python")
        if axe is None or axe.origin is None:
            pytest.skip("no page is looked at without axe: ./run setup")
        # The page's own rules allow no script from elsewhere; the browser's debugger is not bound by them.
        self.page.evaluate(Path(axe.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
        return list(self.page.evaluate(SERIOUS))

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and not any(status in message.text for status in self._refused):
            self.faults.append(message.text)

    def _see(self, url: str) -> None:
        if not url.startswith((self._address, "data:")):
            self.faults.append(f"it asked for {url}")

"""Every page in a real browser: nothing it forbids itself, nothing an attacker wrote, for everybody to use."""

import asyncio
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest
import uvicorn

from tests.dashboard.seeded import NASTY, Seeded, application, seed
from workmill import App, Order
from workmill.dashboard import asgi
from workmill.dashboard.table import ROUTES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no chromium is on the PATH, so no page is looked at: install it", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="no page is looked at without playwright: ./run setup")
sync_api.expect.set_options(timeout=20_000)  # a machine that also runs other tests may take a while
AXE = find_spec("axe_playwright_python")
if AXE is None or AXE.origin is None:
    pytest.skip("no page is looked at without axe: ./run setup", allow_module_level=True)
RULES = Path(AXE.origin).with_name("axe.min.js")

T = TypeVar("T")
HOST = "127.0.0.1"
DEADLINE_SECONDS = 20.0
NO_PAGES = {"static", "events", "job_result"}
"""GET routes that answer no page."""
WATCH = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
SERIOUS = """
  axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`))
"""
REFRESH = """
  new Promise((done) => {
    document.addEventListener("htmx:after:swap", done, { once: true });
    htmx.trigger(document.body, "refresh");
  }).then(() => true)
"""
REACHED = """
  () => {
    const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
    const seen = [...all].filter((each) => each.checkVisibility() && !each.disabled);
    const out = seen.filter((each) => each.tabIndex < 0 && !each.ariaHidden);
    return { all: seen.length, out: out.map((each) => each.outerHTML) };
  }
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = application(f"sqlite:///{tmp_path_factory.mktemp('dashboard') / 'jobs.db'}")
    yield app
    app.close()


@pytest.fixture(scope="module")
def seeded(app: App) -> Seeded:
    return beside(lambda: asyncio.run(seed(app)))


@pytest.fixture(scope="module")
def address(app: App, seeded: Seeded) -> Iterator[str]:  # noqa: ARG001 - there is something to see
    server = uvicorn.Server(uvicorn.Config(asgi(app), log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://{HOST}:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(DEADLINE_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as tests in a container do; it sees nothing but these pages.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def paths(seeded: Seeded) -> list[str]:
    """Give an address of every page there is."""
    known: dict[str, list[dict[str, str]]] = {
        "job": [{"id": job} for name, job in asdict(seeded).items() if name != "flow"],
        "job_edit": [{"id": seeded.failed}],
        "flow": [{"id": seeded.flow}],
        "task": [{"task": "send"}, {"task": "tidy"}],
        "task_schedule": [{"task": "send"}],
        "queue": [{"queue": "mail"}],
        "limit": [{"scope": "queue", "name": "mail"}],
        "schedule": [{"schedule": "every-hour"}],
        "schedule_edit": [{"schedule": "every-hour"}],
    }
    queries = {"act": "?action=retry&state=failed", "jobs": f"?task={NASTY[:9]}&said={NASTY[:9]}"}
    pages = [route for route in ROUTES if route.method == "GET" and route.name not in NO_PAGES]
    found = [
        route.address(holes) + queries.get(route.name, "") for route in pages for holes in known.get(route.name, [{}])
    ]
    return [*found, "/jobs", "/nothing"]


def beside(call: Callable[[], T]) -> T:
    """Call in another thread: in this one the browser's own event loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(DEADLINE_SECONDS)


class Visit:
    """One reader, who notes what no page may do."""

    def __init__(self, browser: "Browser", address: str, **options: Any) -> None:
        self.address = address
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(DEADLINE_SECONDS * 1000)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._see(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def go(self, path: str) -> "Page":
        self.page.goto(self.address + path)
        return self.page

    def _hear(self, kind: str, text: str) -> None:
        # That an address leads nowhere is what is visited it for; the browser writes it down as an error all the same.
        if kind == "error" and "404" not in text:
            self.faults.append(text)

    def _see(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.faults.append(f"a request to {url}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_its_own_rules_or_those_of_accessibility(
    browser: "Browser", address: str, paths: list[str], scheme: Any
) -> None:
    found: list[str] = []
    with Visit(browser, address, color_scheme=scheme, viewport={"width": 1280, "height": 900}) as visit:
        for path in paths:
            page = visit.go(path)
            page.evaluate(RULES.read_text())
            found += [f"{path}: {each}" for each in page.evaluate(SERIOUS)]
            found += [f"{path}: {each}" for each in page.evaluate("window.violations")]
            found += [f"{path}: {each}" for each in visit.faults]
            visit.faults.clear()
    assert not found, "\n".join(found)


def test_form_that_was_refused_is_accessible_and_says_where_it_is_wrong(browser: "Browser", address: str) -> None:
    with Visit(browser, address) as visit:
        page = visit.go("/tasks/send")
        page.evaluate("for (const form of document.forms) form.noValidate = true")
        page.locator("[name$='number']").first.fill("1.5")
        page.get_by_role("button", name="Run", exact=True).click()
        sync_api.expect(page.locator(".wrong").first).to_be_visible()

        page.evaluate(RULES.read_text())
        assert page.evaluate(SERIOUS) == []
        assert page.evaluate("window.violations") == []


def test_what_an_attacker_wrote_is_text_on_every_page(browser: "Browser", address: str, paths: list[str]) -> None:
    seen = 0
    with Visit(browser, address) as visit:
        for path in paths:
            page = visit.go(path)
            assert page.evaluate("window.xss") is None, path
            assert page.locator("img, script:not([src])").count() == 0, path
            text = page.inner_text("main")
            assert "49" not in text.partition("${1}")[2][:4], path
            seen += NASTY[:17] in text
        assert visit.faults == []
    assert seen >= 8


def test_every_control_can_be_reached_by_tab_alone(browser: "Browser", address: str, paths: list[str]) -> None:
    with Visit(browser, address) as visit:
        for path in paths:
            reached = visit.go(path).evaluate(REACHED)
            assert reached["out"] == [], path
            assert reached["all"] > 5, path


def test_tab_walks_through_a_whole_page_and_shows_where_it_is(browser: "Browser", address: str) -> None:
    with Visit(browser, address) as visit:
        page = visit.go("/workers")
        expected = page.evaluate(REACHED)["all"]
        walked: list[str] = []
        for _ in range(expected + 10):
            page.keyboard.press("Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            if page.evaluate("document.activeElement === document.body"):
                break
            walked.append(page.evaluate(f"document.activeElement.outerHTML.slice(0, 80) + {outline}"))

    assert walked[0].startswith('<a class="skip"')
    assert len(walked) >= expected
    assert all(each.endswith("solid") for each in walked)


def test_no_page_scrolls_sideways_on_a_phone(browser: "Browser", address: str, paths: list[str]) -> None:
    wide: list[str] = []
    with Visit(browser, address, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True) as visit:
        for path in paths:
            width = visit.go(path).evaluate("document.documentElement.scrollWidth")
            if width > 390:
                wide.append(f"{path}: {width}")
    assert wide == []


def test_what_the_reader_does_outlives_twenty_refreshes(browser: "Browser", address: str) -> None:
    with Visit(browser, address, viewport={"width": 1280, "height": 300}) as visit:
        page = visit.go("/jobs")
        page.locator("[data-filter]").first.fill("ad")
        row = page.locator("tbody input[type=checkbox]").nth(2)
        row.check()
        page.locator("[data-filter]").first.focus()
        page.evaluate("window.scrollTo(0, 60)")
        rows = page.locator("tbody tr").count()
        for _ in range(20):
            page.evaluate(REFRESH)

        assert page.evaluate("document.activeElement.matches('[data-filter]')")
        assert page.locator("[data-filter]").first.input_value() == "ad"
        assert row.is_checked()
        assert page.evaluate("window.scrollY") == 60
        assert page.locator("tbody tr").count() == rows
        assert visit.faults == []


def test_a_change_is_seen_without_a_reload(browser: "Browser", address: str, app: App) -> None:
    job = beside(lambda: app.task_named("add").using(delay=3600).enqueue(77))
    with Visit(browser, address) as visit:
        page = visit.go(f"/jobs/{job.id}")
        sync_api.expect(page.locator("#live")).to_have_text("Live")
        sync_api.expect(page.locator("main .state").first).to_have_text("scheduled")

        beside(lambda: job.cancel("seen"))

        sync_api.expect(page.locator("main .state").first).to_have_text("cancelled")
        page.keyboard.press("p")
        sync_api.expect(page.locator("#live")).to_have_text("Paused")


def test_page_is_live_even_if_its_scripts_come_late_and_one_by_one(browser: "Browser", address: str) -> None:
    def late(route: "Route") -> None:
        route.request.frame.page.wait_for_timeout(500)
        route.continue_()

    with Visit(browser, address) as visit:
        visit.page.route("**/hx-sse*", late)
        page = visit.go("/workers")
        sync_api.expect(page.locator("#live")).to_have_text("Live")


def test_server_that_is_gone_is_told_and_its_coming_back_too(browser: "Browser", address: str) -> None:
    with Visit(browser, address) as visit:
        page = visit.go("/workers")
        sync_api.expect(page.locator("#live")).to_have_text("Live")

        page.route("**/workers", lambda route: route.abort())
        page.evaluate("htmx.trigger(document.body, 'refresh')")
        sync_api.expect(page.locator("#live")).to_have_text("Offline")
        assert page.locator("tbody tr").count() == 2

        page.unroute("**/workers")
        page.evaluate("htmx.trigger(document.body, 'refresh')")
        sync_api.expect(page.locator("#live")).to_have_text("Live")


def test_keys_lead_to_the_sections_and_say_what_they_do(browser: "Browser", address: str) -> None:
    with Visit(browser, address) as visit:
        page = visit.go("/")
        page.keyboard.press("?")
        sync_api.expect(page.locator("#help")).to_be_visible()
        page.keyboard.press("Escape")
        for key, title in {
            "j": "Jobs",
            "t": "Tasks",
            "q": "Queues",
            "s": "Schedules",
            "f": "Flows",
            "w": "Workers",
        }.items():
            page.keyboard.press("g")
            page.keyboard.press(key)
            sync_api.expect(page.locator("h1")).to_have_text(title)


def test_rows_are_walked_chosen_and_opened_by_keys(browser: "Browser", address: str) -> None:
    with Visit(browser, address) as visit:
        page = visit.go("/jobs")
        second = page.locator("tbody tr").nth(1)
        for key in ("j", "j", "j", "k", "x"):
            page.keyboard.press(key)
        sync_api.expect(second.locator("input[type=checkbox]")).to_be_checked()
        assert page.locator("tbody input:checked").count() == 1
        opened = second.locator("a").first.get_attribute("href")

        page.keyboard.press("Enter")

        page.wait_for_url(f"**{opened}")


def test_theme_that_was_chosen_stays(browser: "Browser", address: str) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    with Visit(browser, address, color_scheme="light") as visit:
        page = visit.go("/workers")
        light = page.evaluate(ground)
        page.click("#theme")
        page.click("#theme")
        dark = page.evaluate(ground)

        assert visit.go("/workers").evaluate(ground) == dark != light


def test_without_scripts_everything_can_be_read_and_done(browser: "Browser", address: str, app: App) -> None:
    job = beside(lambda: app.task_named("add").using(delay=3600).enqueue(78))
    with Visit(browser, address, java_script_enabled=False) as visit:
        page = visit.go("/jobs?state=scheduled")
        assert job.id[-8:] in page.inner_text("main")
        page.goto(f"{address}/workers")
        page.locator("form[action$='/workers/other/quiet'] button").click()
        assert "Told." in page.inner_text("main")

    assert next(worker for worker in beside(app.workers) if worker.id == "other").order is Order.QUIET

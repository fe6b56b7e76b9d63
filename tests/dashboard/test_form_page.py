"""The form of a task in a real browser: typed into, refused, mended, turned into JSON and back, and run."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from pydantic import BaseModel

from workmill import App
from workmill.dashboard import asgi

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no chromium is on the PATH, so no form is typed into: install it", allow_module_level=True)
async_api = pytest.importorskip("playwright.async_api", reason="no form is typed into without playwright: ./run setup")
AXE = find_spec("axe_playwright_python")
if AXE is None or AXE.origin is None:
    pytest.skip("no form is looked at without axe: ./run setup", allow_module_level=True)
RULES = Path(AXE.origin).with_name("axe.min.js")
FOUND = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((each) => each.id))"
DEADLINE_SECONDS = 20.0


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    age: int


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(asgi(app), log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, DEADLINE_SECONDS)


@pytest.mark.slow
async def test_a_form_is_filled_in_refused_mended_and_run(app: App) -> None:
    @app.task
    def adopt(pet: Cat | Dog, on: date, names: dict[str, int], note: str | None = None) -> None: ...

    async with serving(app) as address, async_api.async_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as tests in a container do; it sees nothing but these pages.
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(DEADLINE_SECONDS * 1000)
        await page.goto(f"{address}/tasks/adopt")

        assert await page.locator('[name="/pet~0/lives"]').is_visible()
        await page.get_by_label("Dog").check()
        assert not await page.locator('[name="/pet~0/lives"]').is_visible()
        await page.locator('[name="/pet~1/age"]').fill("old")
        await page.get_by_role("button", name="Add an entry").click()
        await page.locator('[name="/names/0~key"]').fill("Rex")
        await page.locator('[name="/names/0"]').fill("1")
        await page.locator('[name="/pet~1/age"]').press("Enter")

        await async_api.expect(page.locator(".note.bad")).to_contain_text("pet/age: give a whole number")
        await page.evaluate(RULES.read_text())
        assert await page.evaluate(FOUND) == []
        await page.get_by_role("link", name="pet/age").click()
        await page.locator('[name="/pet~1/age"]').fill("3")
        await page.locator('[name="/on"]').fill("2026-12-24")
        await page.locator('[name="/note"]').fill("a\nb")
        await page.get_by_role("button", name="Edit as JSON").click()
        expected = {"pet": {"kind": "dog", "age": 3}, "on": "2026-12-24", "names": {"Rex": 1}, "note": "a\nb"}
        assert json.loads(await page.locator('[name="~json"]').input_value()) == expected
        await page.get_by_role("button", name="Edit in fields").click()
        await page.get_by_role("button", name="Run", exact=True).last.click()

        await async_api.expect(page.locator("#said")).to_have_text("The job is stored.")
        await browser.close()
    [job] = (await app.ajobs()).jobs
    assert json.loads(job.args) == expected

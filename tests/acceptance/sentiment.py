"""The sentiment example's processes and a client of it."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from examples.sentiment.__main__ import worker as worker_words
from tests.acceptance.servers import HOST, READY_SECONDS, await_listening, free_port, running
from workmill import App

DEADLINE_SECONDS = 180.0
LOOK_SECONDS = 2.0
TOOLS = ["vader", "textblob", "afinn", "bayes"]
TEXT = "I love this place, it is wonderful!\nThe soup was cold and terrible.\nIt is on the second floor.\n"

Status = dict[str, Any]


class Sentiment:
    """The example on one store: its web server, for as long as a test needs it, and requests to it."""

    def __init__(self, url: str, folder: Path, variables: pytest.MonkeyPatch) -> None:
        self.url = url
        self.mails = folder / "mail"
        variables.setenv("SENTIMENT_MAIL_FOLDER", str(self.mails))
        variables.setenv("SENTIMENT_DATABASE", str(folder / "own.db"))
        self.port = free_port()
        self.app = App(url)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @contextmanager
    def web(self) -> Iterator["subprocess.Popen[bytes]"]:
        words = ["-m", "waitress", f"--listen={HOST}:{self.port}", "--threads=4"]
        with running(self.url, [*words, "--call", "examples.sentiment.web:create_app"]) as process:
            await_listening(self.port, process)
            yield process

    @contextmanager
    def worker(self, name: str = "anna", *, places: int = 4) -> Iterator["subprocess.Popen[bytes]"]:
        with running(self.url, worker_words(name, places, "--lease=3")) as process:
            yield process

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        request = Request(self.address + path, data=body or None, method=method, headers=headers)
        try:
            with urlopen(request, timeout=READY_SECONDS) as answer:
                return answer.status, answer.read()
        except HTTPError as refusal:
            return refusal.code, refusal.read()

    def send(self, text: str = TEXT, *, name: str = "soup.txt", fault: str = "none") -> str:
        status, answer = self.ask("PUT", f"files/{name}?fault={fault}&email=ada@example.org", text.encode())
        assert status == 202, answer
        return str(json.loads(answer)["id"])

    def refusal(self, method: str, path: str, body: bytes = b"") -> tuple[int, str, str]:
        status, answer = self.ask(method, path, body, Accept="application/json")
        said = json.loads(answer)
        return status, said["field"], said["reason"]

    def status(self, request: str) -> Status:
        found: Status = json.loads(self.ask("GET", f"requests/{request}/status")[1])
        return found

    async def until(self, request: str, wanted: Callable[[Status], object]) -> Status:
        """Wait until the status is as wanted; whatever changes it is a change of some job."""
        ends_at = time.monotonic() + DEADLINE_SECONDS
        async with self.app.changes() as changes:
            while True:
                status = await asyncio.to_thread(self.status, request)
                if wanted(status):
                    return status
                assert time.monotonic() < ends_at, status
                await changes.next(LOOK_SECONDS)

    async def until_mailed(self, request: str) -> Status:
        return await self.until(request, lambda status: status["mailed_at"])

    def letters(self) -> list[str]:
        """Return every mail that was sent."""
        return [path.read_text() for path in self.mails.glob("*.log")]

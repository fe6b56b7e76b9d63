"""Schemathesis against a real server with a worker: every operation of the document, valid, invalid, in sequences."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.http.serving import serving
from workmill import App

pytestmark = pytest.mark.slow

SETTINGS = Path(__file__).with_name("schemathesis.toml")
MOST_SECONDS = 12
DEADLINE_SECONDS = 100.0


@pytest.mark.parametrize("token", [None, "secret"])
async def test_the_api_is_what_its_document_says(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str | None
) -> None:
    # Many of the jobs below wait for a time far away, so nobody may wait long for them.
    monkeypatch.setattr("workmill.http.waiting.LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr("workmill.http.stream.LONGEST_STREAM_SECONDS", 0.02)

    @app.task
    def divide(a: int, b: int) -> float:
        return a / b

    async with app.working(), serving(app, token=token) as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(SETTINGS)),
            *("run", f"http://127.0.0.1:{port}/openapi.json", "--seed=1", f"--max-time={MOST_SECONDS}"),
            *([] if token is None else ["--header", f"Authorization: Bearer {token}"]),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert process.returncode == 0, output.decode()

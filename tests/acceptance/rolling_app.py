"""An application whose jobs leave a line each time they run, in a file outside of the store."""

import asyncio
import os
import time
from pathlib import Path

from workmill import App, current_job

app = App()


def note(folder: str) -> None:
    file = os.open(Path(folder, "runs"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{current_job.id}\n".encode())
    os.close(file)


@app.task
def threaded(folder: str, seconds: float) -> None:
    note(folder)
    time.sleep(seconds)


@app.task
async def awaited(folder: str, seconds: float) -> None:
    note(folder)
    await asyncio.sleep(seconds)


@app.task(process=True)
def isolated(folder: str, seconds: float) -> None:
    note(folder)
    time.sleep(seconds)

"""An application whose jobs add numbers, and leave a line each time they run, in a file outside of the store."""

import os
from pathlib import Path

from workmill import App, current_job

app = App()


def note(folder: str) -> None:
    file = os.open(Path(folder, "runs"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{current_job.id}\n".encode())
    os.close(file)


@app.task
async def one(number: int, folder: str) -> int:
    note(folder)
    return number


@app.task
async def total(numbers: list[int], folder: str) -> int:
    note(folder)
    return sum(numbers)

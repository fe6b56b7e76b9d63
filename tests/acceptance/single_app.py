"""An application with one task that runs one job at a time and refuses the rest."""

import time
from pathlib import Path

from workmill import App, Unique, current_job

app = App()


@app.task(unique=Unique(by=()))
def only(folder: str) -> int:
    """Say that it runs; the first attempt does not end by itself."""
    attempt = current_job.attempt
    Path(folder, f"attempt {attempt}").touch()
    if attempt == 1:
        time.sleep(600)
    return attempt

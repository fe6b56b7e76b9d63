"""Drain no-op jobs once with a real worker tree and print jobs a second: a program, so that any checkout can run it.

    python -m bench._drain MODULE TASK JOBS WORKER_FLAGS...

Measured from when a fifth of the jobs have ended, so that processes are started and warm, to the last end, by the
store's own times.
"""

import importlib
import subprocess
import sys
import time

from workmill import App

DEADLINE_SECONDS = 300


def main(module: str, task: str, jobs: int, flags: list[str]) -> None:
    """Enqueue, drain, and print the rate."""
    app: App = importlib.import_module(module).app
    with app:
        for start in range(0, jobs, 1000):
            app.enqueue_many([app.tasks[task].job() for _ in range(min(1000, jobs - start))])
        command = [sys.executable, "-m", "workmill", "worker", f"{module}:app", "--log-level", "warning", *flags]
        running = subprocess.Popen(command)
        try:
            wait_until_drained(app)
        finally:
            running.terminate()
            running.wait(DEADLINE_SECONDS)
        print(rate(app, jobs))


def wait_until_drained(app: App) -> None:
    """Wait until all jobs are final."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while any(not count.state.is_final for count in app.counts()):
        if time.monotonic() > ends_at:
            raise SystemExit("the worker did not finish in time")
        time.sleep(0.1)


def rate(app: App, jobs: int) -> float:
    """Return jobs a second, without the first fifth."""
    ends, cursor = [], None
    while len(ends) < jobs:
        page = app.jobs(limit=1000, cursor=cursor)
        ends += [job.finished_at for job in page.jobs if job.finished_at]
        cursor = page.next_cursor
    ends.sort()
    first = jobs // 5
    return (jobs - first) / (ends[-1] - ends[first - 1]).total_seconds()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])

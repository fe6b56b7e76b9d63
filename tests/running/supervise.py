"""Run a supervisor for a test, by options given as JSON; every event is one line on stdout."""

import json
import sys
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from workmill.running.extras import Extra
from workmill.running.options import SupervisorOptions, WorkerOptions
from workmill.running.supervisor import run_supervisor
from workmill.words.errors import WorkmillError
from workmill.words.events import Event


def main(given: dict[str, object]) -> int:
    worker = WorkerOptions(
        concurrency=given.pop("concurrency", 4),
        lease=timedelta(seconds=given.pop("lease", 30)),
        name=given.pop("name", None),
    )
    options = SupervisorOptions(
        target=given.pop("target", "tests.running.tasks:app"),
        folder=Path(given.pop("folder")),
        worker=worker,
        grace=timedelta(seconds=given.pop("grace", 30)),
        overstay=timedelta(seconds=given.pop("overstay", 5)),
        extras=tuple(Extra(name=name, command=tuple(command)) for name, command in given.pop("extras", {}).items()),
        **given,
    )
    try:
        return run_supervisor(options, emit=tell)
    except WorkmillError as error:
        say(f"{type(error).__name__}: {error}")
        return 1


def tell(event: Event) -> None:
    said = " ".join(f"{field.name}={getattr(event, field.name)}" for field in fields(event))
    say(f"{type(event).__name__} {said}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

"""One worker tree of a storm: a supervisor whose events go into the history."""

import argparse
import logging
import os
import sys
from datetime import timedelta
from pathlib import Path

from proof.histories.noting import note_event
from proof.histories.pen import Pen
from proof.storming.processes import ROOT
from proof.storming.settings import FOLDER_VARIABLE
from workmill.craft.logs import log_event
from workmill.running.options import SupervisorOptions, WorkerOptions
from workmill.running.supervisor import run_supervisor
from workmill.words.events import Event


def main() -> int:
    """Run it until TERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lease", type=float, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--rules", action="store_true")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    pen = Pen(Path(os.environ[FOLDER_VARIABLE]), "supervisor")

    def emit(event: Event) -> None:
        note_event(pen, event)
        log_event(event)

    options = SupervisorOptions(
        target="proof.storming.ruling:app" if chosen.rules else "proof.storming.tasks:app",
        folder=ROOT,
        worker=WorkerOptions(concurrency=chosen.concurrency, lease=timedelta(seconds=chosen.lease)),
        log_level="warning",
    )
    return run_supervisor(options, emit=emit)


if __name__ == "__main__":
    sys.exit(main())

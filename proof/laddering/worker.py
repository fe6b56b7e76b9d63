"""One worker tree of the ladder, whose patience is short."""

import sys
from datetime import timedelta

from proof.storming.processes import ROOT
from workmill.craft.log_format import configure_logs
from workmill.craft.logs import log_event
from workmill.running.options import SupervisorOptions, WorkerOptions
from workmill.running.supervisor import run_supervisor

OVERSTAY = timedelta(seconds=1)


def main() -> int:
    """Run it until TERM."""
    configure_logs("info", "auto")
    options = SupervisorOptions(
        target="proof.laddering.killers:app",
        folder=ROOT,
        worker=WorkerOptions(concurrency=3, lease=timedelta(seconds=15)),
        solos=3,
        overstay=OVERSTAY,
        log_level="info",
    )
    return run_supervisor(options, emit=log_event)


if __name__ == "__main__":
    sys.exit(main())

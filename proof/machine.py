"""Compare a room with the reference model, step by step, over many walks that Hypothesis chooses and shortens.

./run proof machine [--store memory|sqlite|postgres|redis|all] [--examples 200] [--steps 50] [--seed N]
"""

import argparse
import logging
import sys
import time
from contextlib import ExitStack

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from proof.crashpoints import STORES, rooms
from proof.modelling.stepping import machine_on


def main() -> int:
    """Walk, and show what was found; answer 1 when a room differs."""
    parser = argparse.ArgumentParser(prog="./run proof machine", description=__doc__)
    parser.add_argument("--store", choices=[*STORES, "all"], default="all")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    logging.disable()
    wanted = settings(
        max_examples=chosen.examples,
        stateful_step_count=chosen.steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with ExitStack() as stack:
        for room in rooms(STORES if chosen.store == "all" else (chosen.store,), stack):
            began = time.monotonic()
            run_state_machine_as_test(seed(chosen.seed)(machine_on(room)), settings=wanted)
            print(
                f"{room.name:8}  {chosen.examples} walks of up to {chosen.steps} steps, seed {chosen.seed}: as the "
                f"reference  {time.monotonic() - began:5.1f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

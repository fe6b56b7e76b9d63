"""Plant bugs, each of which has been in somebody's queue, and see whether the crash points find every one of them.

The command is `./run proof mutants [NAME ...]`.
"""

import argparse
import logging
import os
import sys
import time

from proof.planted.catching import BUGS, catch


def main() -> int:
    """Plant them one by one and show what found each; answer 1 when one was not found."""
    parser = argparse.ArgumentParser(prog="./run proof mutants", description=__doc__)
    parser.add_argument("bug", nargs="*", choices=[[], *(bug.__name__ for bug in BUGS)])
    wanted = parser.parse_args().bug
    chosen = [bug for bug in BUGS if not wanted or bug.__name__ in wanted]
    logging.disable()
    caught = 0
    for bug in chosen:
        began = time.monotonic()
        found = catch(bug)
        caught += found is not None
        said = "NOT CAUGHT" if found is None else f"{found.violation.invariant} in {found.where}"
        print(f"{bug.__name__:36} {time.monotonic() - began:5.1f} s  {said}", flush=True)
    print(f"{caught}/{len(chosen)} caught; the points are enumerated, so there is no seed")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Threads of workers that died in play are still about.

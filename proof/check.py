"""Check a kept history again.

./run proof check DIR
"""

import argparse
import sys
from pathlib import Path

from proof.storming.report import show


def main() -> int:
    """Check and show; answer 1 when an invariant is broken."""
    parser = argparse.ArgumentParser(prog="./run proof check", description=__doc__)
    parser.add_argument("folder", type=Path)
    return show(parser.parse_args().folder)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m workmill`: the command line."""

import sys

from workmill.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m workmill.running.solo`."""

import sys

from workmill.running.solo.child import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

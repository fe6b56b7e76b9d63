"""`python -m workmill.running.tied PARENT COMMAND...`: become a command that ends when its parent does.

Between a fork and an `exec` no Python may run safely where there are threads, so this is a program of its own.
"""

import os
import sys

from workmill.running.parent_death import end_with_parent


def main(arguments: list[str]) -> None:
    """Become the command."""
    parent, *command = arguments
    end_with_parent(int(parent))
    os.execvp(command[0], command)  # noqa: S606 - a list of words, no shell


if __name__ == "__main__":
    main(sys.argv[1:])

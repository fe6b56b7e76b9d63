"""Our command line as a command of a host's: the same words, and every process it starts loads the host first."""

import os
import sys
from collections.abc import Sequence

from workmill.cli.__main__ import main

APP_VARIABLE = "WORKMILL_APP"


def run(target: str, words: Sequence[str]) -> int:
    """Run one command line about the application that a host has, and return its exit code.

    Args:
        target: What loads the host and has the application, as `module:attribute`.
        words: What follows `workmill` on its own command line.
    """
    os.environ[APP_VARIABLE] = target
    os.environ["PYTHONPATH"] = os.pathsep.join(_import_path())
    return main(words)


def _import_path() -> list[str]:
    """Return where the processes that are started are to look for modules first: where this one does."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    first = sys.path[0] or os.getcwd()  # noqa: PTH109 - as text, as it stands in the variable
    return [each for each in dict.fromkeys([first, *given]) if each]

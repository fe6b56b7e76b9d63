"""The entry point. What needs no application answers before anything slow is imported."""

import io
import os
import sys
from collections.abc import Sequence

from workmill.cli.commands import overview
from workmill.cli.health import health


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's) and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # Whatever a terminal cannot show is no reason to fail.
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader left, as in `workmill jobs list | head -1`; the interpreter's last flush must not meet the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _run(words: list[str]) -> int:
    if words in ([], ["-h"], ["--help"]):
        print(overview())
        return 0
    if words[0] == "--version":
        from importlib.metadata import version  # noqa: PLC0415 - no command needs it

        print(version("workmill"))
        return 0
    if words[0] == "health":
        return health(words[1:])
    from workmill.cli.dispatch import dispatch  # noqa: PLC0415 - it imports everything that `--help` must not wait for

    return dispatch(words)


if __name__ == "__main__":
    sys.exit(main())

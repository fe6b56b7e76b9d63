"""`manage.py workmill …`: our command line about the project's application."""

import sys
from argparse import REMAINDER, ArgumentParser
from collections.abc import Sequence

from django.core.management.base import BaseCommand  # type: ignore[import-untyped] # it has no types

from workmill.contrib.command_line import run

TARGET = "workmill.contrib.django.target:mill"


class Command(BaseCommand):  # type: ignore[misc] # it has no types
    """Hands over to `workmill`; every process that it starts sets Django up first."""

    help = "Do what `workmill` does, such as `worker`, `web`, `dev`, `jobs list`; `--help` after it says what."

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Hand over what stands on the command line, but for the two options that every command of Django has."""
        own = ArgumentParser(add_help=False, allow_abbrev=False)
        own.add_argument("--settings")
        own.add_argument("--pythonpath")
        sys.exit(run(TARGET, own.parse_known_args(argv[2:])[1]))

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take any words."""
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *, words: Sequence[str], **_: object) -> None:
        """Do as on the command line, for `call_command`."""
        code = run(TARGET, words)
        if code:
            sys.exit(code)

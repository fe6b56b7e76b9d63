"""Django's commands: `python examples/sentiment/manage.py migrate`."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line  # type: ignore[import-untyped] # it has no types

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # Where `examples` is.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.sentiment.settings")
    execute_from_command_line(sys.argv)

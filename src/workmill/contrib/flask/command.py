"""`flask mill …`: our command line about the application that a Flask application has."""

import os

import click
from flask.cli import ScriptInfo

from workmill.contrib.command_line import run

TARGET = "workmill.contrib.flask.target:mill"
HOST_VARIABLE = "FLASK_APP"


@click.command(
    "mill",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    short_help="Run workers, look after jobs: what `workmill` does.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def mill_command(context: click.Context, words: tuple[str, ...]) -> None:
    """Do what `workmill` does, such as `flask mill worker`; every process has this Flask application."""
    named = context.ensure_object(ScriptInfo).app_import_path
    if named:
        os.environ[HOST_VARIABLE] = named
    context.exit(run(TARGET, words))

"""From the words of a command line to the function that answers them, and from its errors to an exit code."""

from importlib.metadata import version

from cyclopts import App, CycloptsError

from workmill.cli.call import call
from workmill.cli.commands import COMMANDS
from workmill.cli.exits import EXPECTED, Exit, exit_for
from workmill.cli.terminal import say


def dispatch(tokens: list[str]) -> int:
    """Run one command and return its exit code; messages about errors go to stderr."""
    try:
        if tokens[0] == "call":
            return call(tokens[1:])  # Its flags depend on the task, so it parses its words itself.
        code = _app()(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        say(f"workmill: {error}\nSee: workmill {_help_for(tokens)}")
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except EXPECTED as error:
        say(f"workmill: {error}")
        return exit_for(error)
    return code if isinstance(code, int) else Exit.OK


def _app() -> App:
    app = App(
        name="workmill",
        version=lambda: version("workmill"),
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for command in COMMANDS:
        app.command(command.where, name=command.name, help=command.summary)
    return app


def _help_for(tokens: list[str]) -> str:
    known = {command.name for command in COMMANDS}
    return f"{tokens[0]} --help" if tokens and tokens[0] in known else "--help"

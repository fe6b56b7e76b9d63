"""From the words of a command line to the function that answers them, and from its errors to an exit code."""

import difflib
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from workmill import UnknownTask
from workmill.cli.commands import COMMANDS, Command
from workmill.cli.exits import EXPECTED, Exit, UsageError, exit_for
from workmill.cli.terminal import say


def dispatch(words: list[str]) -> int:
    """Run one command and return its exit code; messages about errors go to stderr."""
    try:
        return _run(words)
    except CycloptsError as error:
        say(f"workmill: {error}\nSee: workmill {words[0]} --help")
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except EXPECTED as error:
        say(f"workmill: {error}{_hint(error)}")
        return exit_for(error)


def _run(words: list[str]) -> int:
    command = _named(words[0])
    if command.name == "call":
        from workmill.cli.call import call  # noqa: PLC0415 - loaded when it is asked for, like every command

        return call(words[1:])  # Its flags depend on the task, so it parses its words itself.
    code = _parser(command)(words, exit_on_error=False, print_error=False, result_action="return_value")
    return code if isinstance(code, int) else Exit.OK


def _named(name: str) -> Command:
    names = [command.name for command in COMMANDS]
    if name in names:
        return COMMANDS[names.index(name)]
    raise UsageError(f"there is no command {name!r}; these exist: {', '.join(names)}{_closest(name, names)}")


def _hint(error: Exception) -> str:
    return _closest(error.name, error.known) if isinstance(error, UnknownTask) else ""


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _parser(command: Command) -> App:
    # Only the command that was asked for, so that no other one's imports are waited for.
    parser = App(name="workmill", version_flags=(), help_format="plaintext", suppress_keyboard_interrupt=False)
    parser.command(command.where, name=command.name, help=command.summary)
    return parser

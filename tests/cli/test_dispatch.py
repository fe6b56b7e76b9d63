import importlib
from collections.abc import Callable

import pytest

from tests.cli.conftest import Run
from workmill import App, InvalidOption, JobNotFound, StoreUnavailable, TaskError, UnknownTask, WorkmillError
from workmill.cli.__main__ import main
from workmill.cli.commands import COMMANDS
from workmill.cli.exits import Exit, UsageError, exit_for

Runner = Callable[..., Run]


def test_every_command_stands_in_the_overview_and_exists(run: Runner) -> None:
    shown = run("--help")

    assert shown.code == 0
    for command in COMMANDS:
        assert command.summary in shown.out
        module, _, attribute = command.where.partition(":")
        assert hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_explains_itself(run: Runner, command: str) -> None:
    shown = run(command, "--help")

    assert shown.code == 0
    assert shown.out.startswith(f"Usage: workmill {command}")


def test_no_words_at_all_are_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: workmill COMMAND")


def test_an_unknown_command_is_answered_with_the_closest_one(run: Runner) -> None:
    close, far = run("cal"), run("nothing")

    assert (close.code, far.code) == (2, 2)
    assert "there is no command 'cal'; these exist: dev, worker" in close.err
    assert "did you mean 'call'?" in close.err
    assert "did you mean" not in far.err


def test_words_of_a_command_are_cleaned_in_errors(run: Runner) -> None:
    for words in (["\x1b[2J"], ["jobs", "\x1b[2J"], ["jobs", "list", "--\x1b[2J"], ["call", "\x1b[2J"]):
        done = run(*words)

        assert done.code in {2, 5}
        assert "\x1b" not in done.err


def test_ctrl_c_has_an_exit_code(run: Runner, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "jobs", interrupted)

    assert run("jobs", "list").code == 130


def test_a_defect_is_not_hidden_behind_a_message(run: Runner, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "jobs", broken)

    with pytest.raises(ZeroDivisionError):
        run("jobs", "list")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("wrong"), Exit.USAGE),
        (InvalidOption("limit", 0, "give more"), Exit.USAGE),
        (UnknownTask("nothing"), Exit.NOT_FOUND),
        (TaskError("a type hint names nothing"), Exit.CONFIG),
        (JobNotFound("1"), Exit.NOT_FOUND),
        (StoreUnavailable("gone"), Exit.STORE),
        (WorkmillError("anything else"), Exit.FAILURE),
    ],
    ids=str,
)
def test_an_error_has_the_exit_code_of_the_narrowest_kind_it_is(error: Exception, code: Exit) -> None:
    assert exit_for(error) is code

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from workmill import App, ConfigError, configure_logs
from workmill.craft.log_format import JsonLines, PrettyLines
from workmill.testing import inline


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, *, level: int = logging.INFO, failed: bool = False, **extra: object) -> logging.LogRecord:
    try:
        raise ValueError("\x1b[31mred")
    except ValueError:
        trace = sys.exc_info() if failed else None
    made = logging.LogRecord("workmill", level, __file__, 1, message, None, trace)
    made.__dict__.update(extra)
    return made


def test_a_pretty_line_has_the_time_level_logger_and_message() -> None:
    line = PrettyLines(has_colour=False).format(record("started"))

    assert line.split(maxsplit=1)[1] == "INFO    workmill: started"


def test_a_pretty_line_shows_what_a_terminal_would_obey() -> None:
    line = PrettyLines(has_colour=False).format(record("one\ntwo\r\x1b[2J\u202e"))

    assert line.endswith(r"one\ntwo\r\x1b[2J\u202e")


def test_a_traceback_follows_on_lines_of_its_own_cleaned() -> None:
    lines = PrettyLines(has_colour=False).format(record("failed", failed=True)).splitlines()

    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == r"ValueError: \x1b[31mred"


@pytest.mark.parametrize(
    ("level", "colour"),
    [(logging.DEBUG, "\x1b[2m"), (logging.INFO, ""), (logging.WARNING, "\x1b[33m"), (logging.ERROR, "\x1b[31m")],
)
def test_levels_are_told_apart_by_colour(level: int, colour: str) -> None:
    line = PrettyLines(has_colour=True).format(record("text", level=level))

    assert line.startswith(colour)
    assert line.endswith("\x1b[0m") == bool(colour)


def test_a_json_line_has_the_event_and_the_exception() -> None:
    fields = json.loads(JsonLines().format(record("one\ntwo", failed=True, event="JobSettled")))

    assert (fields["severity"], fields["logger"], fields["message"]) == ("INFO", "workmill", "one\ntwo")
    assert fields["event"] == "JobSettled"
    assert fields["exception"].endswith("ValueError: \x1b[31mred")
    assert fields["timestamp"].endswith("Z")


def test_a_line_logged_by_a_task_names_its_job() -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    log = logging.getLogger("tests.tasks")
    as_json, pretty = Keep(), Keep()
    as_json.setFormatter(JsonLines())
    pretty.setFormatter(PrettyLines(has_colour=False))
    log.handlers = [as_json, pretty]

    with App("memory://") as app, inline(app):

        @app.task
        def speak() -> None:
            log.warning("here")

        handle = speak.using(queue="talk").enqueue()

    fields = json.loads(lines[0])
    log.handlers = []
    assert {name: fields[name] for name in ("job_id", "task", "queue", "attempt")} == {
        "job_id": handle.id,
        "task": "speak",
        "queue": "talk",
        "attempt": 1,
    }
    assert lines[1].endswith(f"here [speak {handle.id}]")


def test_configured_logs_go_to_stderr_and_replace_what_was(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")

    logging.getLogger("anybody").info("not shown")
    logging.getLogger("anybody").warning("shown")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(line)["message"] for line in captured.err.splitlines()] == ["shown"]
    assert len(logging.getLogger().handlers) == 1


def test_auto_is_json_away_from_a_terminal_and_pretty_on_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs("info", "auto")
    logging.getLogger("anybody").info("away")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_logs("info", "auto")
    logging.getLogger("anybody").info("on a terminal")

    away, on_a_terminal = capsys.readouterr().err.splitlines()
    assert json.loads(away)["message"] == "away"
    assert on_a_terminal.endswith("INFO    anybody: on a terminal")


@pytest.mark.parametrize(
    ("environ", "has_colour"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_environment(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    has_colour: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    configure_logs("info", "pretty")
    logging.getLogger("anybody").warning("text")

    assert ("\x1b[33m" in capsys.readouterr().err) == has_colour


def test_an_unknown_level_or_format_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="log level 'loud' is unknown; give one of debug"):
        configure_logs("loud")
    with pytest.raises(ConfigError, match="log format 'xml' is unknown; give one of auto"):
        configure_logs("info", "xml")  # type: ignore[arg-type] # what is refused

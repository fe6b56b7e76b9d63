"""How log lines look where Workmill owns the process: plain lines for people, JSON for machines."""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from workmill.craft.context import current_job
from workmill.words.errors import ConfigError

LogFormat: TypeAlias = Literal["auto", "pretty", "json"]
LEVELS = ("debug", "info", "warning", "error")
_COLOURS: Mapping[int, str] = {
    logging.DEBUG: "\x1b[2m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[31m",
}
_RESET = "\x1b[0m"


def configure_logs(level: str = "info", log_format: LogFormat = "auto") -> None:
    """Send every log line of this process to stderr, in one format, replacing what the root logger had.

    For processes that Workmill started, such as a worker's. A program of your own configures `logging` itself and takes
    the logger named `workmill` from there.

    Args:
        level: The lowest level shown: debug, info, warning or error.
        log_format: `pretty` or `json`; `auto` is pretty on a terminal and JSON elsewhere.

    Raises:
        ConfigError: The level or the format is none of these.
    """
    if level.lower() not in LEVELS:
        raise ConfigError(f"log level {level!r} is unknown; give one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(log_format, sys.stderr))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


class PrettyLines(logging.Formatter):
    """One line for each record; its traceback below it. What a terminal would obey is shown as an escape.

    Args:
        has_colour: Whether levels are told apart by colour.
    """

    def __init__(self, *, has_colour: bool) -> None:
        super().__init__()
        self._has_colour = has_colour

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{moment} {record.levelname:<7} {record.name}: {record.getMessage()}{_job_in_brackets()}"
        text = "\n".join([_shown(line), *map(_shown, _trace(self, record).splitlines())])
        colour = _COLOURS.get(record.levelno) if self._has_colour else None
        return f"{colour}{text}{_RESET}" if colour else text


class JsonLines(logging.Formatter):
    """One JSON object on one line for each record, with the job it belongs to where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        fields |= _job_fields()
        if event := getattr(record, "event", None):
            fields["event"] = event
        if trace := _trace(self, record):
            fields["exception"] = trace
        return json.dumps(fields, default=str)


def _formatter(log_format: LogFormat, stream: TextIO) -> logging.Formatter:
    match log_format:
        case "json":
            return JsonLines()
        case "pretty":
            return PrettyLines(has_colour=_has_colour(stream))
        case "auto":
            return PrettyLines(has_colour=_has_colour(stream)) if stream.isatty() else JsonLines()
    raise ConfigError(f"log format {log_format!r} is unknown; give one of auto, pretty, json")


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _job_fields() -> dict[str, object]:
    try:
        return {
            "job_id": current_job.id,
            "task": current_job.task,
            "queue": current_job.queue,
            "attempt": current_job.attempt,
        }
    except RuntimeError:  # logged outside a job
        return {}


def _job_in_brackets() -> str:
    fields = _job_fields()
    return f" [{fields['task']} {fields['job_id']}]" if fields else ""


def _shown(text: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode() for char in text
    )

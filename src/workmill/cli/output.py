"""Data on its way to stdout: tables for people, JSON equal to the HTTP bodies for programs."""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Literal, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workmill.cli.terminal import clean, clean_block

Document: TypeAlias = Mapping[str, object]
"""A JSON object as the other doors show it."""
Format: TypeAlias = Literal["table", "json", "ndjson", "plain"]

# What JSON lets through and a terminal would obey or hide. It stands inside strings only, where escapes mean the same.
_OBEYED = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

_WIDE = 100_000

_STYLES = {
    "running": "cyan",
    "succeeded": "green",
    "ok": "green",
    "retrying": "yellow",
    "warn": "yellow",
    "failed": "red",
    "fail": "red",
    "cancelled": "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: its heading, and how its text is read from a document.

    Attributes:
        is_copied: People copy what stands in it, so that it is never folded.
        is_spare: A terminal that is too narrow does without it, the last such column first.
    """

    heading: str
    read: Callable[[Document], object]
    is_copied: bool = False
    is_spare: bool = False


def show_items(body: Document, columns: Sequence[Column], form: Format) -> None:
    """Write a list: `body` is its JSON form, with the documents under `items`."""
    items = body["items"]
    assert isinstance(items, list)  # noqa: S101 - the caller made the body; for the type checker
    match form:
        case "json":
            show_json(body)
        case "ndjson":
            for item in items:
                print(json_text(item))
        case "plain":
            for item in items:
                print("\t".join(clean(_text(column.read(item))) for column in columns))
        case "table":
            _table(items, columns)


def show_json(value: object) -> None:
    """Write one JSON value, indented."""
    print(json_text(value, width=2))


def show_value(value: object) -> None:
    """Write a result: JSON, indented where a person reads it and on one line where a program does."""
    print(json_text(value, width=2 if sys.stdout.isatty() else None))


def show_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Write what is known of one thing, a line for each field that has something to say."""
    shown = [(name, text) for name, text in fields if text]
    width = max(len(name) for name, _ in shown) + 1
    console = _console()
    for name, text in shown:
        is_block = "\n" in text
        value = f"\n{indent(clean_block(text), '  ')}" if is_block else clean(text)
        heading = f"{name}:" if is_block else f"{name + ':':<{width}} "
        console.print(Text(heading, style="bold").append(value, style=_STYLES.get(text, "not bold")))


def json_text(value: object, *, width: int | None = None) -> str:
    """Return JSON that means the same and that no terminal obeys."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode, indent=width)
    return _OBEYED.sub(lambda found: json.dumps(found.group())[1:-1], text)


def _table(items: Sequence[Document], columns: Sequence[Column]) -> None:
    console = _console()
    table, spare = _filled(items, columns), [column for column in columns if column.is_spare]
    while spare and _width(table, console) > console.width:
        left_out = spare.pop()
        columns = [column for column in columns if column is not left_out]
        table = _filled(items, columns)
    console.print(table)


def _width(table: Table, console: Console) -> int:
    """Return how wide a table is where nothing makes it fold."""
    return console.measure(table, options=console.options.update(width=_WIDE)).maximum


def _filled(items: Sequence[Document], columns: Sequence[Column]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.heading, overflow="fold", no_wrap=column.is_copied)
    for item in items:
        table.add_row(*(_cell(column.read(item)) for column in columns))
    return table


def _cell(value: object) -> Text:
    text = _text(value)
    return Text(clean(text), style=_STYLES.get(text, ""))


def _text(value: object) -> str:
    return "" if value is None else str(value)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # The entry point knows what to do; the default ends the process here.


def _console() -> Console:
    # Where nobody looks, nothing is folded: one row stays one line.
    width = None if sys.stdout.isatty() else _WIDE
    return _Console(
        file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=width is not None
    )

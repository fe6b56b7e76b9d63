import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmill.cli.output import Column, json_text, show_fields, show_items

COLUMNS = (
    Column(heading="NAME", read=lambda item: item["name"]),
    Column(heading="STATE", read=lambda item: item["state"]),
)
BODY = {
    "items": [{"name": "a\x1b[2J\tb", "state": "failed"}, {"name": "c", "state": None}],
    "next_cursor": None,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_json_text_means_the_value_and_holds_nothing_that_a_terminal_obeys(value: object) -> None:
    text = json_text(value)

    assert json.loads(text) == value
    assert not any(char < " " or "\x7f" <= char <= "\x9f" or "\u202a" <= char <= "\u202e" for char in text)


def test_json_text_keeps_other_languages_readable() -> None:
    assert json_text("Zürich 東京") == '"Zürich 東京"'


def test_json_output_is_the_whole_body(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(BODY, COLUMNS, "json")

    assert json.loads(capsys.readouterr().out) == BODY


def test_ndjson_output_is_one_item_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(BODY, COLUMNS, "ndjson")

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == BODY["items"]


def test_plain_output_parts_columns_by_tabs_that_no_value_can_hold(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(BODY, COLUMNS, "plain")

    assert capsys.readouterr().out == "a\\x1b[2J\\tb\tfailed\nc\t\n"


def test_table_output_has_headings_and_cleaned_cells(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(BODY, COLUMNS, "table")

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["NAME", "STATE"], ["a\\x1b[2J\\tb", "failed"], ["c"]]


def test_a_table_has_no_colour_where_it_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(BODY, COLUMNS, "table")

    assert "\x1b" not in capsys.readouterr().out


def test_force_color_colours_states_and_no_color_wins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    show_items(BODY, COLUMNS, "table")
    coloured = capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    show_items(BODY, COLUMNS, "table")
    plain = capsys.readouterr().out

    assert "\x1b[31mfailed" in coloured
    assert "\x1b[31m" not in plain


def test_a_long_row_is_not_folded_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    show_items({"items": [{"name": "n" * 500, "state": "queued"}]}, COLUMNS, "table")

    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_narrow_terminal_does_without_spare_columns_and_folds_no_id(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (
        Column(heading="ID", read=lambda item: item["id"], is_copied=True),
        Column(heading="FIRST", read=lambda item: item["text"], is_spare=True),
        Column(heading="NAME", read=lambda item: item["text"]),
        Column(heading="LAST", read=lambda item: item["text"], is_spare=True),
    )
    body = {"items": [{"id": "i" * 36, "text": "t" * 16}]}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    def headings(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        show_items(body, columns, "table")
        written = capsys.readouterr().out
        assert "i" * 36 in written
        return [column.heading for column in columns if column.heading in written]

    assert headings(90) == ["ID", "FIRST", "NAME", "LAST"]
    assert headings(80) == ["ID", "FIRST", "NAME"]
    assert headings(60) == ["ID", "NAME"]
    assert headings(50) == ["ID", "NAME"]


def test_fields_leave_out_what_is_empty_and_set_blocks_apart(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields([("id", "1"), ("key", ""), ("doc", "one\n\x1btwo")])

    assert capsys.readouterr().out == "id:  1\ndoc:\n  one\n  \\x1btwo\n"


def test_json_is_ascii_where_the_output_is_not_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    class Narrow:
        encoding = "latin-1"

    monkeypatch.setattr(sys, "stdout", Narrow())

    assert json_text("東") == '"\\u6771"'

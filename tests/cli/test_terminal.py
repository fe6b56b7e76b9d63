import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmill.cli.terminal import clean, clean_block, say

HOSTILE = "\x1b[31mred\r\u202eevil\x07\x9b2J\u2066\x7f\x00"


def test_what_a_terminal_would_obey_is_shown_as_escapes() -> None:
    assert clean("a\x1b[31mb\rc\u202ed") == r"a\x1b[31mb\rc\u202ed"


def test_text_of_any_language_stays_as_it_is() -> None:
    assert clean("Zürich 東京 été 👍") == "Zürich 東京 été 👍"


def test_a_block_keeps_line_ends_and_tabs_but_no_carriage_return() -> None:
    assert clean_block("one\n\ttwo\rthree") == "one\n\ttwo\\rthree"


@given(st.text())
def test_cleaned_text_is_one_line_that_a_terminal_only_shows(text: str) -> None:
    shown = clean(text)

    assert len(shown.splitlines()) <= 1
    assert not any(char in shown for char in HOSTILE if not char.isprintable())


def test_a_message_goes_to_stderr_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"job failed: {HOSTILE}")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err
    assert r"\x1b[31mred" in captured.err

"""What is kept of exceptions, however they behave."""

from collections.abc import Callable

import pytest

from workmill import FailureKind
from workmill.craft.evidence import TEXT_CHARACTERS, TRACEBACK_CHARACTERS, as_failure, one_text
from workmill.words.outcome import Failure


def evidence_of(call: Callable[[], object]) -> Failure:
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return as_failure(FailureKind.ERROR, error)
    raise AssertionError


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def fail_unspeakably() -> None:
    raise Unspeakable


def test_an_exception_whose_text_cannot_be_made_is_evidence_too() -> None:
    failure = evidence_of(fail_unspeakably)

    assert failure.type == "Unspeakable"
    assert failure.message == "(its text could not be made: KeyboardInterrupt)"
    assert "in fail_unspeakably" in failure.traceback


def test_an_exception_whose_attributes_break_the_traceback_is_evidence_too() -> None:
    class Odd(SyntaxError):
        @property
        def filename(self) -> str:  # type: ignore[override] # that is the point
            raise ZeroDivisionError

    failure = as_failure(FailureKind.ERROR, Odd("x"))

    assert failure.type.endswith("Odd")
    assert failure.traceback == "(its traceback could not be made: ZeroDivisionError)"


def test_a_huge_message_keeps_its_beginning() -> None:
    failure = as_failure(FailureKind.ERROR, ValueError("begin" + "x" * 10_000_000 + "end"))

    assert len(failure.message) == TEXT_CHARACTERS
    assert failure.message.startswith("begin")
    assert failure.message.endswith("…")


def test_a_huge_traceback_keeps_its_end() -> None:
    def chain(depth: int) -> None:
        try:
            if depth:
                chain(depth - 1)
            raise ValueError("x" * 200)
        except Exception as error:
            raise KeyError(f"depth {depth}") from error

    failure = evidence_of(lambda: chain(100))

    assert len(failure.traceback) == TRACEBACK_CHARACTERS
    assert failure.traceback.endswith("KeyError: 'depth 100'\n")


def test_endless_recursion_is_evidence_of_bounded_length() -> None:
    def again() -> None:
        again()

    failure = evidence_of(again)

    assert failure.type == "RecursionError"
    assert "[Previous line repeated" in failure.traceback


def test_what_no_store_could_hold_is_replaced() -> None:
    failure = as_failure(FailureKind.ERROR, ValueError("half \ud800, nothing \0"))

    assert failure.message == "half ?, nothing \\0"
    assert failure.traceback.isprintable() is False  # its line ends
    assert "\0" not in failure.traceback
    failure.traceback.encode()


def test_notes_and_causes_stand_in_the_traceback() -> None:
    def fail() -> None:
        try:
            raise OSError("below")
        except OSError as error:
            above = ValueError("above")
            above.add_note("look here")
            raise above from error

    traceback = evidence_of(fail).traceback

    assert "OSError: below" in traceback
    assert "The above exception was the direct cause" in traceback
    assert "look here" in traceback


@pytest.mark.parametrize(("thing", "text"), [("plain", "plain"), (3, "3"), (None, "None"), (b"x", "b'x'")])
def test_any_object_has_a_text(thing: object, text: str) -> None:
    assert one_text(thing) == text

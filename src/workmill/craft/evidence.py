"""What is kept of an exception: text, of bounded length, that every store can hold and every door can show."""

import traceback
from types import TracebackType

from workmill.words.outcome import Failure, FailureKind

TRACEBACK_CHARACTERS = 32_768
"""A longer traceback keeps its end, where the cause is."""
TEXT_CHARACTERS = 4096
"""A longer text keeps its beginning."""
_OURS = frozenset(f"workmill.craft.{name}" for name in ("executor", "threads", "signature", "pydantic_shape"))


def as_failure(kind: FailureKind, error: BaseException) -> Failure:
    """Return an exception as evidence, whatever it does when it is asked for its text."""
    return Failure(
        kind=kind,
        type=one_text(type(error).__qualname__),
        message=one_text(error),
        traceback=_storable(_trace(error)[-TRACEBACK_CHARACTERS:]),
    )


def one_text(thing: object) -> str:
    """Return a stranger's object as text."""
    try:
        text = str(thing)
    except BaseException as broken:  # noqa: BLE001 - a stranger's __str__ may do anything
        return f"(its text could not be made: {type(broken).__name__})"
    return _storable(text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…")


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, _from_the_task(error.__traceback__)))
    except BaseException as broken:  # noqa: BLE001 - an exception's attributes may be anything
        return f"(its traceback could not be made: {type(broken).__name__})"


def _storable(text: str) -> str:
    # Half a surrogate pair has no UTF-8, and SQL text ends at a NUL.
    return text.encode(errors="replace").decode().replace("\0", "\\0")


def _from_the_task(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames that lead to the task: a reader wants the task's own, and none where it was we who refused."""
    last_of_ours = None
    step = trace
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") in _OURS:
            last_of_ours = step
        step = step.tb_next
    return trace if last_of_ours is None else last_of_ours.tb_next

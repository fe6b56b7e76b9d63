"""The Workmill application of the chess example: one task, done by Stockfish."""

import time
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from examples.chess.engine import EngineFailed, Limits
from examples.chess.engines import Engines, Stopped
from examples.chess.lines import Best, Line, to_message
from examples.chess.position import IllegalPosition, read_position
from examples.chess.stockfish import find_stockfish
from workmill import App, Retry, current_job

MOST_LINES = 10
MOST_SECONDS = 60.0
MOST_DEPTH = 60
REPORT_SECONDS = 0.2


def _legal(fen: str) -> str:
    try:
        read_position(fen)
    except IllegalPosition as error:
        raise PydanticCustomError("illegal_position", "{reason}", {"reason": str(error)}) from error
    return fen


Fen = Annotated[str, AfterValidator(_legal), Field(description="A legal position in Forsyth-Edwards Notation")]
LineCount = Annotated[int, Field(ge=1, le=MOST_LINES, description="How many of the best moves, each with its line")]
Seconds = Annotated[float, Field(ge=0.01, le=MOST_SECONDS, description="How many seconds to search at most")]
Depth = Annotated[int, Field(ge=1, le=MOST_DEPTH, description="How many half-moves deep to search at most")]

app = App()
engines = Engines(find_stockfish)


@app.task(retry=Retry(2, first=0.5, on=EngineFailed), timeout=MOST_SECONDS + 30)
def analyse(
    fen: Fen, num_moves_to_return: LineCount = 1, time_limit: Seconds = 5.0, depth_limit: Depth = 20
) -> list[Line]:
    """Return the best lines in a chess position, best first, until the time or the depth is reached.

    Scores are seen from White. A position without a legal move, so a checkmate or a stalemate, has no lines.
    """
    limits = Limits(lines=num_moves_to_return, seconds=time_limit, depth=depth_limit)
    try:
        return engines.analyse(read_position(fen), limits, report=_reporter(depth_limit), is_stopped=_is_cancelled)
    except Stopped:
        return []  # not kept: the job was cancelled, or its worker stops and gives it back


def _reporter(depth_limit: int) -> Callable[[Best], None]:
    next_at = time.monotonic() + REPORT_SECONDS

    def report(best: Best) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + REPORT_SECONDS
            current_job.progress(best.depth, depth_limit, to_message(best))

    return report


def _is_cancelled() -> bool:
    return current_job.cancelled

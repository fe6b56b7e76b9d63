"""What the page shows of a job: its state, and its lines in a person's notation."""

import json
from typing import TypedDict

import chess

from examples.chess.lines import Best, Line, from_message
from examples.chess.position import side
from workmill import Job, JobState

MINUS = "\N{MINUS SIGN}"


class MoveView(TypedDict):
    """One move of a line, with the position after it."""

    number: str
    uci: str
    san: str
    fen: str


class LineView(TypedDict):
    """One line as a person reads it."""

    score: str
    words: str
    centipawns: int | None
    mate: int | None
    moves: list[MoveView]


class ProgressView(TypedDict):
    """A job as the page shows it."""

    state: str
    done: bool
    fen: str
    depth: int | None
    depth_limit: int | None
    nodes: int | None
    lines: list[LineView]
    seconds: float | None
    error: str | None


def progress_view(job: Job) -> ProgressView:
    """Return the view of a job, with the lines of its result or else the best one known so far."""
    fen = json.loads(job.args)["fen"]
    board = chess.Board(fen)
    best = _best(job)
    if job.result is not None:
        lines = [Line(**line) for line in json.loads(job.result)]
    else:
        lines = [best.line] if best is not None else []
    return ProgressView(
        state=job.state.value,
        done=job.state.is_final,
        fen=fen,
        depth=best.depth if best is not None else None,
        depth_limit=_depth_limit(job),
        nodes=best.nodes if best is not None else None,
        lines=[line_view(board, line) for line in lines],
        seconds=_seconds(job),
        error=_error(job),
    )


def line_view(board: chess.Board, line: Line) -> LineView:
    """Return the line with its moves in algebraic notation, numbered as in the game."""
    return LineView(
        score=_score(line),
        words=_words(line),
        centipawns=line.centipawn_score,
        mate=line.mate_score,
        moves=_moves(board.copy(stack=False), line.pv),
    )


def _best(job: Job) -> Best | None:
    if job.progress is None or job.progress.message is None:
        return None
    return from_message(int(job.progress.current), job.progress.message)


def _depth_limit(job: Job) -> int | None:
    total = None if job.progress is None else job.progress.total
    return None if total is None else int(total)


def _moves(board: chess.Board, pv: list[str]) -> list[MoveView]:
    views = []
    for uci in pv:
        number = f"{board.fullmove_number}{'.' if board.turn == chess.WHITE else '…'}"
        san = board.san_and_push(chess.Move.from_uci(uci))
        views.append(MoveView(number=number, uci=uci, san=san, fen=board.fen()))
    return views


def _score(line: Line) -> str:
    if line.mate_score is not None:
        return f"#{line.mate_score}".replace("-", MINUS)
    pawns = (line.centipawn_score or 0) / 100
    return "0.0" if abs(pawns) < 0.05 else f"{pawns:+.1f}".replace("-", MINUS)


def _words(line: Line) -> str:
    if line.mate_score is not None:
        return f"{side(line.mate_score > 0)} mates in {abs(line.mate_score)}"
    centipawns = line.centipawn_score or 0
    if abs(centipawns) < 30:
        return "Even"
    how = "slightly better" if abs(centipawns) < 100 else "better" if abs(centipawns) < 300 else "winning"
    return f"{side(centipawns > 0)} is {how}"


def _seconds(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


def _error(job: Job) -> str | None:
    if job.state == JobState.CANCELLED:
        return job.cancel_reason or "it was stopped"
    has_failed = job.state in {JobState.FAILED, JobState.RETRYING}
    return job.failure.message if has_failed and job.failure is not None else None

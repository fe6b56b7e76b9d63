"""What an engine says about a position, as records: a finished line, and the best so far while it thinks."""

import re
from dataclasses import dataclass

import chess.engine

MOVES_TOLD = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One continuation and its score seen from White, which is either centipawns or moves to mate.

    `mate_score` is negative when Black mates.
    """

    centipawn_score: int | None
    mate_score: int | None
    pv: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best line that a running search knows of."""

    depth: int
    nodes: int
    line: Line


def line_of(info: chess.engine.InfoDict) -> Line:
    """Return the line that the engine's `info` tells; it must have a score and moves."""
    score = info["score"].white()
    return Line(centipawn_score=score.score(), mate_score=score.mate(), pv=[move.uci() for move in info["pv"]])


def best_of(info: chess.engine.InfoDict) -> Best:
    """Return the state of the search that the engine's `info` tells."""
    return Best(depth=info.get("depth", 0), nodes=info.get("nodes", 0), line=line_of(info))


def to_message(best: Best) -> str:
    """Write it, with the first moves of its line, as one line of text for a job's progress."""
    if best.line.mate_score is None:
        score = f"{best.line.centipawn_score or 0:+d} cp"
    else:
        score = f"mate {best.line.mate_score:+d}"
    return f"{score}, {best.nodes} nodes: {' '.join(best.line.pv[:MOVES_TOLD])}"


def from_message(depth: int, message: str) -> Best | None:
    """Read back what `to_message` wrote; None for any other text."""
    found = re.fullmatch(r"(?:([+-]\d+) cp|mate ([+-]\d+)), (\d+) nodes: ((?:[a-h1-8nbrq]{4,5} ?)+)", message)
    if found is None:
        return None
    centipawns, mate, nodes, moves = found.groups()
    line = Line(
        centipawn_score=None if centipawns is None else int(centipawns),
        mate_score=None if mate is None else int(mate),
        pv=moves.split(),
    )
    return Best(depth=depth, nodes=int(nodes), line=line)

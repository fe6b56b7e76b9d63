"""How the chess example tells scores: always seen from White, and as text that can be read back."""

import chess
import pytest
from chess.engine import Cp, Mate, PovScore

from examples.chess.lines import Best, Line, from_message, line_of, to_message
from examples.chess.view import line_view


@pytest.mark.parametrize(
    ("score", "centipawns", "mate"),
    [
        (PovScore(Cp(31), chess.WHITE), 31, None),
        (PovScore(Cp(31), chess.BLACK), -31, None),
        (PovScore(Mate(3), chess.WHITE), None, 3),
        (PovScore(Mate(2), chess.BLACK), None, -2),
        (PovScore(Mate(-1), chess.BLACK), None, 1),
    ],
)
def test_scores_are_seen_from_white(score: PovScore, centipawns: int | None, mate: int | None) -> None:
    line = line_of({"score": score, "pv": [chess.Move.from_uci("e2e4")]})

    assert line == Line(centipawn_score=centipawns, mate_score=mate, pv=["e2e4"])


@pytest.mark.parametrize(("centipawns", "mate"), [(34, None), (-120, None), (0, None), (None, 5), (None, -2)])
def test_progress_message_reads_back_as_what_was_written(centipawns: int | None, mate: int | None) -> None:
    line = Line(centipawn_score=centipawns, mate_score=mate, pv=["e7e8q", "a1b1"])
    best = Best(depth=14, nodes=1_203_344, line=line)

    message = to_message(best)

    assert from_message(14, message) == best


def test_progress_message_of_a_long_line_has_its_first_moves() -> None:
    pv = ["g1f3", "g8f6", "f3g1", "f6g8"] * 60

    message = to_message(Best(depth=60, nodes=1, line=Line(centipawn_score=0, mate_score=None, pv=pv)))

    read = from_message(60, message)
    assert read is not None
    assert read.line.pv == pv[:16]


@pytest.mark.parametrize(
    "message", ["", "14 nodes", "+34 cp, 5 nodes: ", "+34 cp, 5 nodes: <script>", "mate 2, 5 nodes: e2e4"]
)
def test_other_messages_are_not_read_as_a_line(message: str) -> None:
    assert from_message(1, message) is None


def test_progress_message_says_it_in_words_a_person_understands() -> None:
    line = Line(centipawn_score=None, mate_score=-2, pv=["c2c1", "e5e1"])

    assert to_message(Best(depth=3, nodes=22, line=line)) == "mate -2, 22 nodes: c2c1 e5e1"


@pytest.mark.parametrize(
    ("centipawns", "mate", "score", "words"),
    [
        (131, None, "+1.3", "White is better"),
        (-64, None, "\N{MINUS SIGN}0.6", "Black is slightly better"),
        (3, None, "0.0", "Even"),
        (-4, None, "0.0", "Even"),
        (820, None, "+8.2", "White is winning"),
        (None, -2, "#\N{MINUS SIGN}2", "Black mates in 2"),
        (None, 1, "#1", "White mates in 1"),
    ],
)
def test_view_of_a_line_has_its_score_for_people(
    centipawns: int | None, mate: int | None, score: str, words: str
) -> None:
    view = line_view(chess.Board(), Line(centipawn_score=centipawns, mate_score=mate, pv=["e2e4"]))

    assert (view["score"], view["words"]) == (score, words)


def test_view_of_a_line_has_its_moves_numbered_in_algebraic_notation_with_the_boards_after_them() -> None:
    board = chess.Board("8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 7")

    view = line_view(board, Line(centipawn_score=None, mate_score=-2, pv=["c2c1", "e5e1", "c1e1"]))

    moves = [(move["number"], move["san"]) for move in view["moves"]]
    assert moves == [("7…", "Rc1+"), ("8.", "Re1"), ("8…", "Rxe1#")]
    assert view["moves"][-1]["fen"] == "8/8/6P1/8/8/6k1/8/4r1K1 w - - 0 9"
    assert board.fullmove_number == 7

"""The chess example's reading of a FEN: what could stand on a board is read, anything else is refused with a reason."""

import chess
import pytest

from examples.chess.position import REASONS, IllegalPosition, read_position

KINGS = "4k3/8/8/8/8/8/8/4K3"

LEGAL = [
    chess.STARTING_FEN,
    "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1",
    "rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 3",
    "R3k3/8/8/8/8/8/8/4K3 b - - 12 40",
    f"  {KINGS}   w - - 0 1 ",
]

REFUSED = {
    "": "0 fields",
    "hello": "1 fields",
    f"{KINGS} w - -": "4 fields",
    f"{KINGS} w - - 0 1 extra": "7 fields",
    "4k3/8/8/8/8/8/8/4K2? w - - 0 1": "pieces '4k3/8/8/8/8/8/8/4K2?'",
    "4k3/8/8/8/8/8/4K3 w - - 0 1": "fill 7 ranks",
    "4k3/8/8/8/8/8/8/4K4 w - - 0 1": "rank 1 ('4K4') has 9 squares",
    "4k3/8/8/8/8/8/44/4K3 w - - 0 1": "no FEN",
    f"{KINGS} x - - 0 1": "side to move 'x'",
    f"{KINGS} w KK - 0 1": "castling rights 'KK'",
    f"{KINGS} w - e5 0 1": "en passant square 'e5'",
    f"{KINGS} w - - -1 1": "halfmove clock '-1'",
    f"{KINGS} w - - 0 99999": "move number '99999'",
    f"{KINGS} w - - ٣ 1": "halfmove clock",
    f"{KINGS} w - - 0 1" + " " * 100: "100",
    "8/8/8/8/8/8/8/8 w - - 0 1": "White has no king",
    "8/8/8/8/8/8/8/4K3 w - - 0 1": "Black has no king",
    "4k3/8/8/8/8/8/8/K3K3 w - - 0 1": "White has 2 kings",
    "k3k3/8/8/8/8/8/8/4K3 w - - 0 1": "Black has 2 kings",
    "4k3/4R3/8/8/8/8/8/4K3 w - - 0 1": "Black is in check, but White is to move",
    "4k3/8/8/8/8/8/4r3/4K3 b - - 0 1": "White is in check, but Black is to move",
    "P3k3/8/8/8/8/8/8/4K3 w - - 0 1": "a pawn stands on rank 1 or 8",
    "4k3/8/8/8/8/8/8/p3K3 w - - 0 1": "a pawn stands on rank 1 or 8",
    "4k3/8/8/8/8/P7/PPPPPPPP/4K3 w - - 0 1": "White has more than 8 pawns",
    "4k3/pppppppp/p7/8/8/8/8/4K3 w - - 0 1": "Black has more than 8 pawns",
    "4k3/8/8/8/QQQQ4/QQQQQQQ1/QQQQQQ2/4K3 b - - 0 1": "White has more than 16 pieces",
    f"{KINGS} w K - 0 1": "a castling right is given",
    f"{KINGS} w - e6 0 1": "en passant",
    "4k3/8/8/8/1b5q/8/4r3/4K3 w - - 0 1": "more pieces than any move",
    "3k4/8/8/8/7b/8/8/3rKr2 w - - 0 1": "more pieces than any move",
}


@pytest.mark.parametrize("fen", LEGAL)
def test_legal_position_is_read(fen: str) -> None:
    board = read_position(fen)

    assert board.fen(en_passant="fen").split() == fen.split()


@pytest.mark.parametrize("fen", REFUSED)
def test_impossible_position_is_refused_with_its_reason(fen: str) -> None:
    with pytest.raises(IllegalPosition) as refusal:
        read_position(fen)

    assert REFUSED[fen] in str(refusal.value)


def test_every_fault_that_python_chess_knows_has_a_reason_of_its_own() -> None:
    # King counts and the check are told apart in words; the rest of the flags belong to other variants.
    told_otherwise = {"VALID", "EMPTY", "NO_WHITE_KING", "NO_BLACK_KING", "TOO_MANY_KINGS", "OPPOSITE_CHECK"}
    named = {flag.name for flag in REASONS}
    standard = {flag.name for flag in chess.Status if "RACE_" not in str(flag.name)}

    assert named == standard - told_otherwise

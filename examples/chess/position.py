"""Reads a FEN, and refuses one whose position could not stand on a board."""

import re

import chess

LONGEST_FEN = 100

FIELDS = (
    ("pieces", r"[pnbrqkPNBRQK1-8/]+", "the ranks from 8 to 1, divided by '/', in the letters pnbrqkPNBRQK and 1-8"),
    ("side to move", r"[wb]", "'w' or 'b'"),
    ("castling rights", r"-|(?=.)K?Q?k?q?", "'KQkq', a part of it in this order, or '-'"),
    ("en passant square", r"-|[a-h][36]", "a square of rank 3 or 6, or '-'"),
    ("halfmove clock", r"[0-9]{1,3}", "a whole number from 0 to 999"),
    ("move number", r"[0-9]{1,4}", "a whole number from 1 to 9999"),
)

REASONS = {
    chess.STATUS_TOO_MANY_WHITE_PAWNS: "White has more than 8 pawns; take some away",
    chess.STATUS_TOO_MANY_BLACK_PAWNS: "Black has more than 8 pawns; take some away",
    chess.STATUS_PAWNS_ON_BACKRANK: "a pawn stands on rank 1 or 8, where no pawn can be; take it away",
    chess.STATUS_TOO_MANY_WHITE_PIECES: "White has more than 16 pieces; take some away",
    chess.STATUS_TOO_MANY_BLACK_PIECES: "Black has more than 16 pieces; take some away",
    chess.STATUS_BAD_CASTLING_RIGHTS: "a castling right is given, but its king or rook has moved; take the right away",
    chess.STATUS_INVALID_EP_SQUARE: "no pawn can just have passed over the en passant square; write '-' there",
    chess.STATUS_TOO_MANY_CHECKERS: "the king is in check from more pieces than any move can make; take some away",
    chess.STATUS_IMPOSSIBLE_CHECK: "no move can have given the checks that the king is in; take one away",
}


class IllegalPosition(ValueError):
    """The text is no FEN, or its position cannot arise in a game; the message says why and what to change."""


def read_position(fen: str) -> chess.Board:
    """Return the board that the FEN describes, a legal position in every respect that can be checked without its game.

    Raises:
        IllegalPosition: It is malformed, or could not be reached.
    """
    board = _parse(fen)
    faults = _kings(board) or _other_faults(board)
    if faults:
        raise IllegalPosition("; ".join(faults))
    return board


def _parse(fen: str) -> chess.Board:
    if len(fen) > LONGEST_FEN:
        raise IllegalPosition(f"it has {len(fen)} characters, and no FEN has more than {LONGEST_FEN}")
    parts = fen.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(name for name, _, _ in FIELDS)
        raise IllegalPosition(f"it has {len(parts)} fields, and a FEN has six, divided by spaces: {names}")
    for part, (name, pattern, form) in zip(parts, FIELDS, strict=True):
        if not re.fullmatch(pattern, part):
            raise IllegalPosition(f"the {name} {part!r} should be {form}")
    _check_ranks(parts[0])
    try:
        return chess.Board(" ".join(parts))
    except ValueError as error:
        raise IllegalPosition(f"it is no FEN: {error}") from error


def _check_ranks(pieces: str) -> None:
    ranks = pieces.split("/")
    if len(ranks) != 8:
        raise IllegalPosition(f"the pieces fill {len(ranks)} ranks; a board has 8, divided by '/'")
    for number, rank in zip(range(8, 0, -1), ranks, strict=True):
        squares = sum(int(letter) if letter.isdigit() else 1 for letter in rank)
        if squares != 8:
            raise IllegalPosition(f"rank {number} ({rank!r}) has {squares} squares; every rank has 8")


def _kings(board: chess.Board) -> list[str]:
    counts = [(side(colour), len(board.pieces(chess.KING, colour))) for colour in chess.COLORS]
    return [
        f"{name} has {'no king' if count == 0 else f'{count} kings'}; each side has exactly one"
        for name, count in counts
        if count != 1
    ]


def _other_faults(board: chess.Board) -> list[str]:
    status = board.status()
    faults = [reason for flag, reason in REASONS.items() if status & flag]
    if status & chess.STATUS_OPPOSITE_CHECK:
        waiting, moving = side(not board.turn), side(board.turn)
        remedy = f"give {waiting} the move, or take the check away"
        faults.insert(0, f"{waiting} is in check, but {moving} is to move; {remedy}")
    if status and not faults:
        faults.append(f"the position cannot arise in a game ({status!r})")
    return faults


def side(colour: chess.Color) -> str:
    """Return what a person calls that side."""
    return "White" if colour == chess.WHITE else "Black"

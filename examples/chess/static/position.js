// A position as the page edits it, and its FEN. Knows no rules: what is legal, the server says.

export const FILES = "abcdefgh";
export const SYMBOLS = "KQRBNP";
const NAMES = { k: "king", q: "queen", r: "rook", b: "bishop", n: "knight", p: "pawn" };
// Where king and rook must stand for each castling right.
const HOMES = { K: [["e1", "K"], ["h1", "R"]], Q: [["e1", "K"], ["a1", "R"]], k: [["e8", "k"], ["h8", "r"]], q: [["e8", "k"], ["a8", "r"]] };

/** Return the position that the text describes, or null where its pieces cannot be read. */
export function parse(fen) {
  const [pieces, turn = "w", castling = "-", passant = "-", halfmoves = "0", number = "1"] = fen.trim().split(/\s+/);
  const ranks = pieces.split("/");
  if (ranks.length !== 8) return null;
  const placed = new Map();
  for (const [index, rank] of ranks.entries()) {
    let file = 0;
    for (const letter of rank) {
      if (/[1-8]/.test(letter)) file += Number(letter);
      else if (/[kqrbnp]/i.test(letter) && file < 8) placed.set(FILES[file++] + (8 - index), letter);
      else return null;
    }
    if (file !== 8) return null;
  }
  return { pieces: placed, turn: turn === "b" ? "b" : "w", castling, passant, halfmoves, number };
}

/** Return the FEN of the position. */
export function format(position) {
  const ranks = [];
  for (let rank = 8; rank >= 1; rank--) {
    const row = [...FILES].map((file) => position.pieces.get(file + rank) ?? "1").join("");
    ranks.push(row.replace(/1+/g, (empty) => empty.length));
  }
  const { turn, castling, passant, halfmoves, number } = position;
  return [ranks.join("/"), turn, castling || "-", passant, halfmoves, number].join(" ");
}

/** Whether king and rook stand where this castling right needs them. */
export function canCastle(pieces, right) {
  return HOMES[right].every(([square, piece]) => pieces.get(square) === piece);
}

/** Return what a person calls the piece, as in "white king". */
export function nameOf(piece) {
  return `${isWhite(piece) ? "white" : "black"} ${NAMES[piece.toLowerCase()]}`;
}

/** Return an image element of the piece. */
export function imageOf(piece) {
  const image = document.createElement("img");
  image.src = `pieces/${isWhite(piece) ? "w" : "b"}${piece.toUpperCase()}.svg`;
  image.alt = "";
  image.draggable = false;
  return image;
}

function isWhite(piece) {
  return piece === piece.toUpperCase();
}

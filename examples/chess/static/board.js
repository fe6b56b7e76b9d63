// The board: shows pieces, marks and arrows; says what was dragged, tapped or typed on it.

import { follow } from "./drag.js";
import { FILES, imageOf, nameOf, SYMBOLS } from "./position.js";

const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class Board {
  /** `on` has the callbacks: tap(square), move(from, to or null), put(square, piece or null). */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.pieces = new Map();
    this.squares = new Map();
    this.flipped = false;
    this.focused = "e1";
    this.arrows = document.createElementNS(SVG, "svg");
    this.arrows.setAttribute("viewBox", "0 0 8 8");
    this.arrows.setAttribute("class", "arrows");
    this.arrows.setAttribute("aria-hidden", "true");
    this.#build();
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("keydown", (event) => this.#type(event));
  }

  /** Show these pieces, a map from squares to FEN letters. */
  show(pieces) {
    for (const [square, cell] of this.squares) {
      const piece = pieces.get(square);
      if (piece === this.pieces.get(square)) continue;
      cell.replaceChildren(...(piece ? [imageOf(piece)] : []));
      this.#label(square, piece);
    }
    this.pieces = new Map(pieces);
  }

  /** Turn the board round. */
  flip() {
    this.flipped = !this.flipped;
    this.#build();
  }

  /** Mark squares: one as picked up, some as the last move's. */
  mark({ selected = null, last = [] }) {
    for (const [square, cell] of this.squares) {
      cell.classList.toggle("selected", square === selected);
      cell.classList.toggle("last", last.includes(square));
    }
  }

  /** Draw arrows, given as {uci, rank}: rank 0 is the strongest. */
  point(moves) {
    // The weaker ones first, so that the strongest lies on top.
    this.arrows.replaceChildren(...[...moves].reverse().map(({ uci, rank }) => this.#arrow(uci, rank)));
  }

  #build() {
    const ranks = [8, 7, 6, 5, 4, 3, 2, 1];
    const files = [...FILES];
    if (this.flipped) [ranks, files].forEach((each) => each.reverse());
    const hadFocus = this.root.contains(document.activeElement);
    this.squares.clear();
    const rows = ranks.map((rank) => {
      const row = document.createElement("div");
      row.setAttribute("role", "row");
      row.append(...files.map((file) => this.#square(file, rank, { edgeRank: ranks[7], edgeFile: files[0] })));
      return row;
    });
    this.root.replaceChildren(...rows, this.arrows);
    const pieces = this.pieces;
    this.pieces = new Map();
    this.show(pieces);
    if (hadFocus) this.squares.get(this.focused).focus();
  }

  #square(file, rank, { edgeRank, edgeFile }) {
    const cell = document.createElement("div");
    const isDark = (FILES.indexOf(file) + rank) % 2 === 1;
    cell.className = `square ${isDark ? "dark" : "light"}`;
    cell.dataset.square = file + rank;
    if (rank === edgeRank) cell.dataset.file = file;
    if (file === edgeFile) cell.dataset.rank = rank;
    cell.setAttribute("role", "gridcell");
    cell.tabIndex = file + rank === this.focused ? 0 : -1;
    this.squares.set(file + rank, cell);
    this.#label(file + rank, undefined);
    return cell;
  }

  #label(square, piece) {
    const cell = this.squares.get(square);
    cell.setAttribute("aria-label", `${square}, ${piece ? nameOf(piece) : "empty"}`);
    cell.classList.toggle("occupied", piece !== undefined);
  }

  #press(event) {
    const square = event.target.closest(".square")?.dataset.square;
    if (!square) return;
    this.#focus(square);
    const piece = this.pieces.get(square);
    if (piece) event.preventDefault();
    follow(event, {
      makeImage: piece && (() => imageOf(piece)),
      size: this.root.clientWidth / 8,
      drop: (element) => this.on.move(square, squareAt(element)),
      tap: () => this.on.tap(square),
    });
  }

  #type(event) {
    const square = event.target.closest(".square")?.dataset.square;
    if (!square || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    if (key in STEPS) this.#step(square, STEPS[key]);
    else if (key === "Enter" || key === " ") this.on.tap(square);
    else if (key === "Delete" || key === "Backspace") this.on.put(square, null);
    else if (SYMBOLS.includes(key.toUpperCase()) && key.length === 1) this.on.put(square, key);
    else return;
    event.preventDefault();
  }

  #step(square, [right, up]) {
    const sign = this.flipped ? -1 : 1;
    const file = FILES[FILES.indexOf(square[0]) + sign * right];
    const next = file + (Number(square[1]) + sign * up);
    if (this.squares.has(next)) this.#focus(next);
  }

  #focus(square) {
    this.squares.get(this.focused).tabIndex = -1;
    this.focused = square;
    const cell = this.squares.get(square);
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
  }

  #arrow(uci, rank) {
    const [x1, y1] = this.#centre(uci.slice(0, 2));
    const [x2, y2] = this.#centre(uci.slice(2, 4));
    const length = Math.hypot(x2 - x1, y2 - y1);
    const half = [0.11, 0.08, 0.06][Math.min(rank, 2)];
    const [tail, neck, wing] = [0.28, length - 0.28 - half, half * 2.4];
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", `M${tail},${-half} L${neck},${-half} V${-wing} L${length - 0.12},0 L${neck},${wing} V${half} H${tail} Z`);
    const degrees = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    shape.setAttribute("transform", `translate(${x1} ${y1}) rotate(${degrees})`);
    shape.setAttribute("class", `arrow rank-${Math.min(rank, 3)}`);
    return shape;
  }

  #centre(square) {
    const x = FILES.indexOf(square[0]) + 0.5;
    const y = 8.5 - Number(square[1]);
    return this.flipped ? [8 - x, 8 - y] : [x, y];
  }
}

/** Return the square of a board that this element is in, or null. */
export function squareAt(element) {
  return element?.closest(".square")?.dataset.square ?? null;
}

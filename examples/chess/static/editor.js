// Setting a position by hand: the board, the palette, whose move it is, castling, and the FEN, always in step.

import { Board, squareAt } from "./board.js";
import { follow } from "./drag.js";
import { canCastle, format, imageOf, nameOf, parse, SYMBOLS } from "./position.js";

const EMPTY = "8/8/8/8/8/8/8/8 w - - 0 1";
const ERASER = "eraser";
const RIGHTS = "KQkq";

export class Editor {
  /** `onChange(fen)` is called after every change, whoever made it. */
  constructor(onChange) {
    this.onChange = onChange;
    this.fenInput = document.getElementById("fen");
    this.palette = document.getElementById("palette");
    this.tool = null;
    this.selected = null;
    this.board = new Board(document.getElementById("board"), {
      tap: (square) => this.#tap(square),
      move: (from, to) => this.#move(from, to),
      put: (square, piece) => this.#put(square, piece),
    });
    this.#buildPalette();
    this.#listen();
    this.set(this.fenInput.value);
  }

  get fen() {
    return this.fenInput.value.trim();
  }

  /** Show and edit this position. Text that is no FEN stays in the field, and the board as it was. */
  set(fen) {
    if (this.fenInput.value !== fen) this.fenInput.value = fen;
    const position = parse(fen);
    const examples = document.getElementById("examples");
    examples.value = [...examples.options].some((option) => option.value === fen) ? fen : "";
    if (position) {
      this.position = position;
      this.#showPosition();
    }
    this.onChange(this.fen);
  }

  /** Take the position as it is now shown on the board again, after the board showed something else. */
  restore() {
    this.#showPosition();
  }

  #listen() {
    const id = (name) => document.getElementById(name);
    this.fenInput.addEventListener("input", () => this.set(this.fenInput.value));
    id("start").addEventListener("click", (event) => this.set(event.currentTarget.dataset.fen));
    id("clear").addEventListener("click", () => this.set(EMPTY));
    id("flip").addEventListener("click", () => this.board.flip());
    id("examples").addEventListener("change", (event) => {
      if (event.currentTarget.value) this.set(event.currentTarget.value);
    });
    for (const radio of document.getElementsByName("turn")) {
      radio.addEventListener("change", () => this.#edit((position) => (position.turn = radio.value)));
    }
    for (const box of document.getElementsByName("castling")) {
      box.addEventListener("change", () => this.#edit((position) => (position.castling = this.#checkedRights())));
    }
  }

  #buildPalette() {
    const tools = [...SYMBOLS, ...SYMBOLS.toLowerCase(), ERASER];
    this.palette.append(...tools.map((tool) => this.#toolButton(tool)));
  }

  #toolButton(tool) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.tool = tool;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", tool === ERASER ? "Take pieces away" : `Put a ${nameOf(tool)}`);
    button.title = button.getAttribute("aria-label");
    if (tool === ERASER) button.textContent = "✕";
    else button.append(imageOf(tool));
    const arm = () => this.#arm(this.tool === tool ? null : tool);
    button.addEventListener("pointerdown", (event) =>
      follow(event, {
        makeImage: tool === ERASER ? null : () => imageOf(tool),
        size: this.board.root.clientWidth / 8,
        drop: (element) => squareAt(element) && this.#put(squareAt(element), tool),
        tap: arm,
      }),
    );
    // The pointer's taps are counted above; this is Enter and Space.
    button.addEventListener("click", (event) => event.detail === 0 && arm());
    return button;
  }

  #arm(tool) {
    this.tool = tool;
    this.selected = null;
    for (const button of this.palette.children) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    this.board.mark({});
  }

  #tap(square) {
    const piece = this.position.pieces.get(square);
    if (this.tool) return this.#put(square, this.tool === ERASER || this.tool === piece ? null : this.tool);
    if (this.selected && this.selected !== square) return this.#move(this.selected, square);
    this.selected = piece && this.selected !== square ? square : null;
    this.board.mark({ selected: this.selected });
  }

  #move(from, to) {
    this.selected = null;
    if (from === to) return this.board.mark({});
    this.#edit(({ pieces }) => {
      const piece = pieces.get(from);
      pieces.delete(from);
      if (piece && to) pieces.set(to, piece);
    });
  }

  #put(square, piece) {
    this.#edit(({ pieces }) => (piece ? pieces.set(square, piece) : pieces.delete(square)));
  }

  #edit(change) {
    change(this.position);
    const rights = [...RIGHTS].filter((right) => this.position.castling.includes(right));
    this.position.castling = rights.filter((right) => canCastle(this.position.pieces, right)).join("") || "-";
    this.position.passant = "-"; // it belonged to the move that led to the position before the change
    this.set(format(this.position));
  }

  #showPosition() {
    const { pieces, turn, castling } = this.position;
    this.selected = null;
    this.board.show(pieces);
    this.board.mark({});
    for (const radio of document.getElementsByName("turn")) radio.checked = radio.value === turn;
    for (const box of document.getElementsByName("castling")) {
      box.checked = castling.includes(box.value);
      box.disabled = !box.checked && !canCastle(pieces, box.value);
    }
  }

  #checkedRights() {
    return [...document.getElementsByName("castling")].filter((box) => box.checked).map((box) => box.value).join("");
  }
}

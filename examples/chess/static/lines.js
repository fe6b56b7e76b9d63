// The lines of an analysis, and the bar that weighs the two sides.

/** Fill the list with the lines. `on` has the callbacks: enter(index), leave(), choose(line index, move index). */
export function showLines(list, lines, on) {
  const focused = [...list.querySelectorAll(".move")].indexOf(document.activeElement);
  list.replaceChildren(...lines.map((line, index) => lineItem(line, index, on)));
  if (focused >= 0) list.querySelectorAll(".move")[focused]?.focus();
}

/** Weigh the sides by the best line; without one, the bar rests in the middle. */
export function showEvaluation(meter, line) {
  const share = line ? whiteShare(line) : 0.5;
  meter.style.setProperty("--white", `${(share * 100).toFixed(1)}%`);
  meter.classList.toggle("black-leads", share < 0.5);
  meter.querySelector(".eval-score").textContent = line ? line.score : "";
  meter.setAttribute("aria-valuenow", line ? ((share - 0.5) * 20).toFixed(1) : "0");
  meter.setAttribute("aria-valuetext", line ? `${line.score}, ${line.words}` : "not analysed");
}

function whiteShare(line) {
  if (line.mate !== null) return line.mate > 0 ? 1 : 0;
  return 1 / (1 + Math.exp(-line.centipawns / 250));
}

function lineItem(line, index, on) {
  const item = document.createElement("li");
  item.className = "line";
  const score = element("span", `score ${(line.mate ?? line.centipawns) < 0 ? "black" : "white"}`, line.score);
  const moves = element("span", "moves");
  line.moves.forEach((move, ply) => moves.append(movePart(move, ply, () => on.choose(index, ply))));
  const words = element("span", "words", line.words);
  const uci = element("code", "uci", line.moves.map((move) => move.uci).join(" "));
  item.append(score, words, moves, uci);
  item.addEventListener("pointerenter", () => on.enter(index));
  item.addEventListener("pointerleave", () => on.leave());
  item.addEventListener("focusin", () => on.enter(index));
  item.addEventListener("focusout", () => on.leave());
  return item;
}

function movePart(move, ply, choose) {
  const button = element("button", "move", move.san);
  button.type = "button";
  button.dataset.fen = move.fen;
  button.addEventListener("click", choose);
  const isNumbered = ply === 0 || move.number.endsWith(".");
  if (!isNumbered) return button;
  const numbered = element("span", "numbered");
  numbered.append(element("span", "number", move.number), button);
  return numbered;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

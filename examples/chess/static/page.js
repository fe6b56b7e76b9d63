// The page: what is set on the board is sent to the server, and what the server says is shown.

import { Editor } from "./editor.js";
import { showEvaluation, showLines } from "./lines.js";
import { parse } from "./position.js";
import { cancel, checkPosition, Refused, submit, watch } from "./server.js";

const FIELDS = ["fen", "num_moves_to_return", "time_limit", "depth_limit", "form"];
const CHECK_AFTER_MS = 200;
const PLIES_POINTED = 3;
const NO_WORKER = "Waiting for a worker, but none runs: start one with flask --app examples.chess worker";
const id = (name) => document.getElementById(name);

let subject = null; // the FEN that is being or has been analysed, which the board then shows
let shown = null; // the newest view of its analysis
let preview = null; // the move after which the board shows the position, if any
let check = new AbortController();
let watching = new AbortController();
let currentId = null;
let startedAt = 0;

const editor = new Editor(onPosition);
id("form").addEventListener("submit", onSubmit);
id("stop").addEventListener("click", onStop);
id("preview-back").addEventListener("click", endPreview);
window.addEventListener("keydown", (event) => event.key === "Escape" && endPreview());
window.addEventListener("hashchange", openFromAddress);
openFromAddress();

function onPosition(fen) {
  closePreview();
  if (subject !== null && fen !== subject) {
    forget();
    history.pushState(null, "", location.pathname);
  }
  check.abort();
  check = new AbortController();
  const { signal } = check;
  setTimeout(() => signal.aborted || describePosition(fen, signal), CHECK_AFTER_MS);
}

async function describePosition(fen, signal) {
  try {
    const { over, check: isCheck } = await checkPosition(fen, signal);
    showErrors([], ["fen"]);
    const side = fen.split(/\s+/)[1] === "b" ? ["Black", "White"] : ["White", "Black"];
    const ended = { checkmate: `Checkmate: ${side[1]} has won`, stalemate: "Stalemate: a draw" }[over];
    id("fen-state").textContent = ended ?? `${side[0]} to move${isCheck ? ", in check" : ""}`;
  } catch (error) {
    if (signal.aborted) return;
    id("fen-state").textContent = "";
    if (error instanceof Refused) showErrors(error.errors, ["fen"]);
  }
}

async function onSubmit(event) {
  event.preventDefault();
  const body = { fen: editor.fen };
  for (const input of event.currentTarget.querySelectorAll("input")) {
    if (input.value !== "") body[input.name] = Number(input.value);
  }
  id("go").disabled = true;
  try {
    const job = await submit(body);
    showErrors([]);
    history.pushState(null, "", `#${job}`);
    follow(job, body.fen);
  } catch (error) {
    showErrors(error instanceof Refused ? error.errors : [{ field: "form", reason: "The server did not answer; try again." }]);
  } finally {
    id("go").disabled = false;
  }
}

async function onStop() {
  id("stop").disabled = true;
  try {
    await cancel(currentId);
  } catch (error) {
    if (!(error instanceof Refused)) showErrors([{ field: "form", reason: "The server did not answer; try again." }]);
  } finally {
    id("stop").disabled = false;
  }
}

function openFromAddress() {
  const job = location.hash.slice(1);
  if (job && job !== currentId) follow(job, null);
}

/** Show an analysis until it is done; without its position, which the first look then tells. */
function follow(job, fen) {
  forget();
  watching = new AbortController();
  subject = fen;
  currentId = job;
  startedAt = Date.now();
  const { signal } = watching;
  document.body.classList.add("has-analysis");
  id("progress").hidden = false;
  showProgress({ state: "queued", depth: null, has_worker: true });
  window.scrollTo({ top: 0, behavior: "smooth" });
  watch(job, signal, { onView: showView, onTrouble: () => tell("The server does not answer; trying again…") }).catch((error) => {
    forget();
    showErrors(error instanceof Refused ? error.errors : [{ field: "form", reason: String(error) }]);
  });
}

function showView(view) {
  const isNews = JSON.stringify(view.lines) !== JSON.stringify(shown?.lines);
  subject = view.fen;
  if (view.fen !== editor.fen) editor.set(view.fen);
  shown = view;
  showProgress(view);
  if (!isNews) return;
  showLines(id("lines"), view.lines, { enter: pointAtLine, leave: pointAtFirstMoves, choose: showMove });
  markChosen();
  pointAtFirstMoves();
  showEvaluation(id("eval"), view.lines[0]);
  id("lines-hint").hidden = view.lines.length === 0;
}

function showProgress(view) {
  const bar = id("progress-bar");
  bar.hidden = view.done ?? false;
  if (view.depth === null) bar.removeAttribute("value");
  else bar.value = view.depth / view.depth_limit;
  id("stop").hidden = view.done ?? false;
  tell(progressText(view));
}

function progressText(view) {
  const seconds = `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
  if (view.state === "succeeded") return view.lines.length ? `Done in ${view.seconds.toFixed(1)} s` : "The game is over here: there is no move to look at.";
  if (view.done) return `${view.state === "cancelled" ? "Stopped" : "Failed"}: ${view.error}`;
  if (view.state === "retrying") return `The engine failed; it will be tried again. ${view.error ?? ""}`;
  if (view.state === "queued") return view.has_worker ? "Waiting for a worker…" : NO_WORKER;
  if (view.depth === null) return "Analysing…";
  const nodes = new Intl.NumberFormat("en", { notation: "compact" }).format(view.nodes);
  return `Depth ${view.depth} of ${view.depth_limit} · ${nodes} positions · ${seconds}`;
}

function tell(text) {
  if (id("progress-text").textContent !== text) id("progress-text").textContent = text;
}

function pointAtFirstMoves() {
  if (preview || !shown) return;
  editor.board.point(shown.lines.map((line, rank) => ({ uci: line.moves[0].uci, rank })));
}

function pointAtLine(index) {
  if (preview || !shown?.lines[index]) return;
  editor.board.point(shown.lines[index].moves.slice(0, PLIES_POINTED).map(({ uci }, rank) => ({ uci, rank })));
}

function showMove(line, ply) {
  const { moves } = shown.lines[line];
  preview = moves[ply];
  editor.board.show(parse(preview.fen).pieces);
  editor.board.mark({ last: [preview.uci.slice(0, 2), preview.uci.slice(2, 4)] });
  editor.board.point(moves.slice(ply + 1, ply + 2).map(({ uci }) => ({ uci, rank: 0 })));
  id("preview").hidden = false;
  id("preview-text").textContent = `After ${preview.number} ${preview.san}`;
  markChosen();
}

function endPreview() {
  if (!preview) return;
  closePreview();
  editor.restore();
  pointAtFirstMoves();
}

function closePreview() {
  preview = null;
  id("preview").hidden = true;
  markChosen();
}

function markChosen() {
  for (const button of document.querySelectorAll(".move")) {
    if (preview && button.dataset.fen === preview.fen) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** Take the lines off the page; they belong to another position. */
function forget() {
  watching.abort();
  subject = shown = currentId = null;
  closePreview();
  id("lines").replaceChildren();
  id("lines-hint").hidden = id("progress").hidden = id("stop").hidden = true;
  document.body.classList.remove("has-analysis");
  editor.board.point([]);
  showEvaluation(id("eval"), null);
}

/** Show what is wrong beside its field, in place of what was said about these fields before. */
function showErrors(errors, fields = FIELDS) {
  for (const field of fields) {
    id(`${field}-error`).textContent = "";
    id(field).removeAttribute("aria-invalid");
  }
  for (const { field, reason } of errors) {
    id(field)?.setAttribute("aria-invalid", "true");
    const slot = id(`${field}-error`) ?? id("form-error");
    slot.textContent += (slot.textContent ? " " : "") + reason.charAt(0).toUpperCase() + reason.slice(1);
  }
}

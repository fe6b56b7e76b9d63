// Talking to the server. Every answer is awaited with a deadline.

const DEADLINE_MS = 10_000;
const FIRST_DELAY_MS = 150;
const SLOWEST_DELAY_MS = 2_000;
const GROWTH = 1.3;

/** The server refused a request: `errors` says each field, value and reason. */
export class Refused extends Error {
  constructor(errors) {
    super(errors.map((error) => `${error.field}: ${error.reason}`).join("\n"));
    this.errors = errors;
  }
}

/** Ask whether the position is legal; return {fen, over, check}. */
export function checkPosition(fen, signal) {
  return call(`position?${new URLSearchParams({ fen })}`, {}, signal);
}

/** Enqueue an analysis; return its id. */
export async function submit(body) {
  const headers = { "Content-Type": "application/json" };
  return (await call("analyze", { method: "POST", headers, body: JSON.stringify(body) })).id;
}

/** Cancel an analysis. */
export function cancel(id) {
  return call(`analysis?${new URLSearchParams({ id })}`, { method: "DELETE" });
}

/**
 * Look at an analysis until it is done, less and less often while nothing changes.
 * Calls `onView(view)` after each look, and `onTrouble()` when the server does not answer.
 */
export async function watch(id, signal, { onView, onTrouble }) {
  let delay = FIRST_DELAY_MS;
  let seen = "";
  while (!signal.aborted) {
    const view = await look(id, signal, onTrouble);
    if (signal.aborted) return;
    if (view) {
      onView(view);
      if (view.done) return;
      const now = JSON.stringify(view);
      if (now !== seen) delay = FIRST_DELAY_MS;
      seen = now;
    }
    await pause(document.hidden ? SLOWEST_DELAY_MS : delay, signal);
    delay = Math.min(delay * GROWTH, SLOWEST_DELAY_MS);
  }
}

async function look(id, signal, onTrouble) {
  try {
    return await call(`progress?${new URLSearchParams({ id })}`, {}, signal);
  } catch (error) {
    if (error instanceof Refused) throw error;
    if (!signal.aborted) onTrouble();
    return null;
  }
}

async function call(path, options, signal) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const response = await fetch(path, { ...options, signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (response.ok) return answer;
  throw response.status === 503 ? new Error("the store did not answer") : new Refused(answer.errors);
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", resolve, { once: true });
  });
}

// Says when the live regions of a page ask for themselves again: at each ring of the doorbell, else every few seconds.
// htmx does the asking, the morphing and the stream; here is only when, and the badge that tells of it.
"use strict";
(() => {
  const POLL_MS = 5000, PATIENCE_MS = 3000, GAP_MS = 1000;
  const button = document.getElementById("live");
  if (!button || !window.htmx) return;
  let mode = "connecting", paused = false, streaming = false, asked = 0, timer = 0;

  const words = { connecting: "Connecting", live: "Live", polling: "Polling", paused: "Paused", offline: "Offline" };
  function show(next) {
    mode = next;
    button.dataset.mode = paused ? "paused" : mode;
    button.querySelector("span").textContent = words[button.dataset.mode];
    button.setAttribute("aria-pressed", String(paused));
  }
  function refresh() {
    if (paused || document.hidden || document.querySelector("dialog[open]")) return;
    asked = Date.now();
    htmx.trigger(document.body, "refresh");
  }
  function ring() {
    clearTimeout(timer);
    timer = setTimeout(refresh, Math.max(0, asked + GAP_MS - Date.now()));
  }

  // After each connection, the first included, what was missed is fetched: a hidden page has no stream.
  button.addEventListener("ready", () => { streaming = true; show("live"); ring(); });
  button.addEventListener("rung", ring);
  for (const name of ["htmx:sse:error", "htmx:sse:close"]) button.addEventListener(name, () => { streaming = false; show("polling"); });
  const ofRegion = (event) => event.target.matches?.("[hx-select]");
  document.addEventListener("htmx:response:error", (event) => { if (ofRegion(event)) show("offline"); });
  document.addEventListener("htmx:error", (event) => { if (ofRegion(event)) show("offline"); });
  document.addEventListener("htmx:after:swap", () => { if (mode === "offline") show(streaming ? "live" : "polling"); });

  // What the reader has begun to fill in is the reader's.
  document.addEventListener("input", (event) => event.target.setAttribute?.("hx-morph-skip", ""));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ring(); });
  document.addEventListener("close", (event) => { if (event.target.nodeName === "DIALOG") ring(); }, true);

  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    show(mode);
    if (!paused) ring();
  });
  // The doorbell rings for what changes of jobs; that there are new ones, and the rest, is seen at the next round.
  setInterval(() => { if (Date.now() - asked >= POLL_MS - GAP_MS) ring(); }, POLL_MS);
  const patience = button.dataset.mode === "poll" ? 0 : PATIENCE_MS;
  show("connecting");
  setTimeout(() => { if (mode === "connecting") { show("polling"); ring(); } }, patience);
})();

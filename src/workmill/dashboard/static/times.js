// Moments are written as distances by the server; here they go on, and say the reader's own time when pointed at.
"use strict";
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  function distance(ms) {
    const seconds = Math.abs(ms) / 1000;
    if (seconds < 1) return "now";
    const [size, unit] = units.find(([size]) => seconds >= size);
    const text = `${Math.floor(seconds / size)}${unit}`;
    return ms > 0 ? `${text} ago` : `in ${text}`;
  }
  function tick() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const moment = new Date(time.dateTime);
      const text = distance(Date.now() - moment);
      if (time.textContent !== text) time.textContent = text;
    }
  }
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time");
    if (time) time.title = `${new Date(time.dateTime).toLocaleString()} · ${time.dateTime}`;
  });
  document.addEventListener("htmx:after:swap", tick);
  setInterval(tick, 1000);
})();

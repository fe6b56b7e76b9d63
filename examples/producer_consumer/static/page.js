// The page: it asks once a second how things stand, and shows what has changed.

const ASK_MS = 1000;
const live = document.getElementById("live");
let shown = "";

async function look() {
  const answer = await fetch(live.dataset.source);
  const text = await answer.text();
  if (answer.ok && text !== shown) {
    const down = live.querySelector(".said").scrollTop;
    const hasFocus = live.contains(document.activeElement);
    live.innerHTML = shown = text;
    localTimes();
    live.querySelector(".said").scrollTop = down;
    if (hasFocus) {
      live.querySelector(".said").focus({ preventScroll: true });
    }
  }
}

function localTimes() {
  for (const time of live.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
  }
}

async function keepLooking() {
  if (!document.hidden) {
    await look().catch(() => {}); // the server is away for a moment
  }
  setTimeout(keepLooking, ASK_MS);
}
localTimes();
keepLooking();

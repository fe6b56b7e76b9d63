// The page: it starts and cancels, and asks once a second how the task stands.

const ASK_MS = 1000;
const FINAL = ["succeeded", "failed", "cancelled"];
const byId = (id) => document.getElementById(id);

async function ask(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(typeof body.detail === "string" ? body.detail : body.detail.map((each) => each.msg).join("; "));
  }
  return body;
}

function show(task) {
  byId("id").textContent = task.id;
  byId("state").textContent = task.status;
  const has = task.result !== null && task.result !== undefined;
  byId("result").textContent = has ? String(task.result) : "–";
  byId("cancel").disabled = FINAL.includes(task.status);
}

async function look() {
  try {
    show(await ask("status"));
  } catch {
    byId("cancel").disabled = true; // none yet, or the server is away for a moment
  }
}

async function act(path, options, done) {
  try {
    const task = await ask(path, options);
    byId("said").textContent = `${done} ${task.id}`;
  } catch (error) {
    byId("said").textContent = error.message;
  }
  await look();
}

byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  act(`start?${new URLSearchParams(new FormData(event.target))}`, {}, "Started");
});
byId("cancel").addEventListener("click", () => act("cancel", { method: "POST" }, "Asked to end:"));

async function keepLooking() {
  if (!document.hidden) {
    await look();
  }
  setTimeout(keepLooking, ASK_MS);
}
keepLooking();

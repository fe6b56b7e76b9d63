// What moves on the pages: the robot's panel, and the state of a registration. Without this file both can be reloaded.

const LOOK_MS = 1000;
const FINAL = new Set(["succeeded", "failed", "cancelled"]);

const byId = (id) => document.getElementById(id);
const time = (iso) => (iso ? new Date(iso).toLocaleTimeString() : "–");

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function badge(target, state) {
  target.textContent = state;
  target.className = `badge ${state}`;
}

async function ask(url, options) {
  const response = await fetch(url, { ...options, headers: { Accept: "application/json", "Content-Type": "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.errors.map((each) => `${each.field}: ${each.reason}`).join("; "));
  return answer;
}

function row(round) {
  const made = document.createElement("tr");
  const state = document.createElement("td");
  const mark = document.createElement("span");
  badge(mark, round.state);
  state.append(mark);
  made.append(
    element("td", round.id.slice(-8), "id"),
    element("td", time(round.due_at)),
    state,
    element("td", round.records === null ? (round.error ?? "–") : String(round.records)),
  );
  return made;
}

function showRobot(robot) {
  badge(byId("status"), robot.status);
  byId("next").textContent = robot.next_at ? time(robot.next_at) : robot.status === "started" ? "when this one has ended" : "–";
  for (const name of ["waiting", "running", "done", "refused"]) byId(name).textContent = robot.pool[name];
  byId("go").disabled = robot.status === "started";
  byId("stop").disabled = robot.status !== "started";
  if (robot.rounds.length) byId("rounds").replaceChildren(...robot.rounds.map(row));
}

function refuse(error) {
  byId("refusal").textContent = error ? error.message : "";
  byId("refusal").hidden = !error;
}

function watch(url, show) {
  const look = async () => {
    let goesOn = true;
    try {
      goesOn = show(await ask(url)) !== false;
    } catch {
      // The server is away for a moment; the next look may find it.
    }
    if (goesOn) setTimeout(look, LOOK_MS);
  };
  look();
}

function robotPanel(panel) {
  const act = async (url, body) => {
    try {
      showRobot(await ask(url, { method: "POST", body }));
      refuse(null);
    } catch (error) {
      refuse(error);
    }
  };
  byId("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    const order = { ...fields, timedelta: Number(fields.timedelta), records: Number(fields.records) };
    act(panel.dataset.start, JSON.stringify(order));
  });
  byId("stop").addEventListener("click", () => act(panel.dataset.stop));
  watch(panel.dataset.status, showRobot);
}

function registration(panel) {
  byId("due").textContent = time(byId("due").dateTime);
  watch(panel.dataset.status, (job) => {
    badge(byId("state"), job.state);
    byId("ended").textContent = time(job.ended_at);
    return !FINAL.has(job.state);
  });
}

if (byId("robot")) robotPanel(byId("robot"));
if (byId("registration")) registration(byId("registration"));

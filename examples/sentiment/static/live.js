// Asks for this same page again while its work goes on, and puts what is new in place of what is old.
// Without this file the page still tells everything: reload it.
const PAUSE = 500;
const PAUSE_AFTER_A_FAILURE = 3000;

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const old = document.getElementById("live");
  if (old.contains(document.activeElement)) return; // somebody is about to press a button
  old.replaceWith(document.adoptNode(page.getElementById("live")));
}

async function follow() {
  let pause = PAUSE;
  while (document.getElementById("live").dataset.over === "no") {
    await new Promise((resume) => setTimeout(resume, pause));
    pause = await refresh().then(() => PAUSE, () => PAUSE_AFTER_A_FAILURE);
  }
}

follow();

// Keys, the theme switch and the list of keys. Whatever is done here can be reached with Tab as well.
"use strict";
(() => {
  const themes = ["", "light", "dark"], names = { "": "System", light: "Light", dark: "Dark" };
  const theme = document.getElementById("theme"), help = document.getElementById("help");
  const root = document.documentElement;
  const present = () => root.dataset.theme || "";
  function say() { theme.querySelector("span").textContent = names[present()]; theme.setAttribute("aria-label", `Theme: ${names[present()]}`); }
  if (theme) {
    theme.hidden = false;
    say();
    theme.addEventListener("click", () => {
      const next = themes[(themes.indexOf(present()) + 1) % themes.length];
      if (next) root.dataset.theme = next;
      else delete root.dataset.theme;
      try {
        if (next) localStorage.setItem("workmill-theme", next);
        else localStorage.removeItem("workmill-theme");
      } catch { /* It holds for this page. */ }
      say();
    });
  }
  const helpButton = document.getElementById("help-button");
  if (helpButton && help) {
    helpButton.hidden = false;
    helpButton.addEventListener("click", () => help.showModal());
  }

  // Dialogs: a button with data-opens opens the one of that id; without this script the page has its plain form.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset.opens);
    if (dialog) { event.preventDefault(); dialog.showModal(); }
    const closer = event.target.closest("[data-closes]");
    if (closer) { event.preventDefault(); closer.closest("dialog")?.close(); }
    const copier = event.target.closest("[data-copies]");
    if (copier) copy(copier);
  });
  async function copy(button) {
    const text = button.dataset.copies;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Browsers have no clipboard for pages that did not come by HTTPS.
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const said = document.getElementById("said");
    if (said) said.textContent = "Copied.";
  }
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-selects]");
    if (all) for (const box of document.querySelectorAll(all.dataset.selects)) box.checked = all.checked;
    if (event.target.closest("[data-submits]")) event.target.form?.requestSubmit();
  });

  const rows = () => [...document.querySelectorAll("tbody tr")].filter((row) => row.offsetParent);
  const here = () => document.querySelector("tr[data-here]");
  function step(by) {
    const all = rows(), old = here();
    if (!all.length) return;
    const at = old ? Math.min(Math.max(all.indexOf(old) + by, 0), all.length - 1) : 0;
    if (old) delete old.dataset.here;
    all[at].dataset.here = "";
    all[at].scrollIntoView({ block: "nearest" });
  }
  // On a narrow screen the rail is a strip that may have to be moved to show where one is.
  const section = document.querySelector(".rail [aria-current]");
  const strip = section?.closest("nav");
  if (strip) strip.scrollLeft = section.offsetLeft - strip.offsetLeft - 24;

  let gone = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable], dialog[open]")) return;
    const key = event.key;
    if (Date.now() - gone < 1500) {
      gone = 0;
      const link = document.querySelector(`.rail a[data-key="${CSS.escape(key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (key === "g") gone = Date.now();
    else if (key === "?") help?.showModal();
    else if (key === "p") document.getElementById("live")?.click();
    else if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "x") here()?.querySelector("input[type=checkbox]")?.click();
    else if (key === "Enter" && here() && event.target === document.body) here().querySelector("a")?.click();
    else if (key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (filter) { event.preventDefault(); filter.focus(); filter.select?.(); }
    }
  });
})();

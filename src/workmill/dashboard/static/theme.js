// Before anything is painted: the theme that was chosen here, where one was.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("workmill-theme");
    if (chosen) document.documentElement.dataset.theme = chosen;
  } catch {
    // No storage, no choice: the system's theme stays.
  }
})();

/* The form of a silence: what it matches is shown while one types; a suggestion becomes a line. */
"use strict";

(() => {
  let typing = 0;
  let asked = 0;

  async function preview(form) {
    asked += 1;
    const number = asked;
    try {
      const response = await fetch(form.dataset.preview, {
        method: "POST", credentials: "same-origin", body: new URLSearchParams(new FormData(form)),
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (number === asked) globalThis.routerConsole.takeParts(page, "#silence-result");
    } catch {
      /* the frame says that the server does not answer */
    }
  }

  function later(form) {
    clearTimeout(typing);
    typing = setTimeout(() => preview(form), 300);
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-preview]");
    if (form && event.target.name !== "comment") later(form);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-to]");
    if (!button) return;
    const area = document.getElementById(button.dataset.addTo);
    area.value = `${area.value.trimEnd()}${area.value.trim() ? "\n" : ""}${button.dataset.text}`;
    area.focus();
    later(area.form);
  });
})();

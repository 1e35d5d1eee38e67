/* The playground: tries the text while one types, marks the lines of findings, shows messages. */
"use strict";

(() => {
  const form = document.querySelector("form[data-playground]");
  if (!form) return;
  const DELAY = 300;

  /* Numbers of lines beside a text, and marks of findings in them */

  function setLines(editor) {
    const area = editor.querySelector("textarea");
    const gutter = editor.querySelector(".gutter");
    const count = area.value.split("\n").length;
    while (gutter.childElementCount > count) gutter.lastElementChild.remove();
    while (gutter.childElementCount < count) {
      const line = document.createElement("span");
      line.textContent = String(gutter.childElementCount + 1);
      gutter.append(line);
    }
    gutter.scrollTop = area.scrollTop;
  }

  const editors = Array.from(form.querySelectorAll("[data-editor]"));
  for (const editor of editors) {
    const area = editor.querySelector("textarea");
    area.addEventListener("scroll", () => { editor.querySelector(".gutter").scrollTop = area.scrollTop; });
    area.addEventListener("input", () => setLines(editor));
    setLines(editor);
  }

  const rules = form.querySelector("textarea[name=rules]");
  const gutter = editors[0].querySelector(".gutter");
  const ownFile = () => form.elements.file.value || "playground.yaml";

  function markFindings() {
    for (const line of gutter.children) line.className = "";
    for (const each of form.querySelectorAll("#result .finding")) {
      if (each.dataset.file !== ownFile() || each.dataset.line === "0") continue;
      const line = gutter.children[Number(each.dataset.line) - 1];
      const kind = each.classList.contains("critical") ? "critical" : "warning";
      if (line && line.className !== "critical") line.className = kind;
      const where = each.querySelector(".where");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      button.textContent = where.textContent;
      button.dataset.goto = "";
      where.replaceChildren(button);
    }
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-goto]");
    if (!button) return;
    const { line, column, length } = button.closest(".finding").dataset;
    const before = rules.value.split("\n").slice(0, Number(line) - 1);
    const start = before.reduce((sum, each) => sum + each.length + 1, 0) + Number(column) - 1;
    rules.focus();
    rules.setSelectionRange(start, start + Number(length));
    rules.scrollTop = Math.max(0, (Number(line) - 4) * 20);
  });

  /* A message in a frame. Each time a new frame, so that the history of the browser has no entry. */

  let shown = "";
  let isShowing = false;
  const place = form.querySelector("[data-rendered]");
  for (const each of form.querySelectorAll("iframe.no-js")) each.remove();

  function showMessage() {
    const buttons = Array.from(form.querySelectorAll("button[name=show]"));
    const button = buttons.find((each) => each.value === shown) || buttons[0];
    for (const old of place.querySelectorAll("iframe")) old.removeAttribute("name");
    if (!button) {
      place.hidden = true;
      return;
    }
    const frame = document.createElement("iframe");
    frame.name = "message";
    frame.className = "message";
    frame.title = "The message as its reader sees it";
    const [rule, destination] = button.value.split(" ");
    place.querySelector("h2").textContent = `${destination}, as its reader sees it (${rule})`;
    place.hidden = false;
    let isFirst = true;
    frame.addEventListener("load", () => {
      if (isFirst && place.querySelectorAll("iframe").length > 1) {
        for (const old of place.querySelectorAll("iframe")) if (old !== frame) old.remove();
      }
      isFirst = false;
    });
    place.append(frame);
    isShowing = true;
    form.requestSubmit(button);
    isShowing = false;
  }

  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && button.name === "show") {
      if (isShowing) return;
      event.preventDefault();
      shown = button.value;
      showMessage();
      return;
    }
    if (button && button.formAction.endsWith("/download")) return;
    if (button && ["last", "sample"].includes(button.name)) return;
    event.preventDefault();
    tryIt();
  });

  /* Try: one request at a time; what was typed meanwhile is tried next */

  let timer = 0;
  let isAsking = false;
  let isStale = false;

  async function tryIt() {
    clearTimeout(timer);
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    const result = document.getElementById("result");
    result.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(form.action, {
        method: "POST",
        credentials: "same-origin",
        headers: { "X-Console-Part": "yes" },
        body: new URLSearchParams(new FormData(form)),
      });
      if (response.redirected && new URL(response.url).pathname === "/console/login") {
        say("Your login has ended: copy your text, then load the page again.");
      } else {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById("result");
        if (fresh) keepOpen(result, fresh);
        else say((page.querySelector("main") || page.body).textContent.trim());
        markFindings();
        showMessage();
      }
    } catch {
      say("The server does not answer. Your text is only here: copy it.");
    }
    isAsking = false;
    document.getElementById("result").removeAttribute("aria-busy");
    if (isStale) {
      isStale = false;
      tryIt();
    }
  }

  function say(text) {
    const line = document.createElement("p");
    line.className = "headline-small critical";
    line.textContent = `■ ${text}`;
    document.querySelector("#result [role=status]").replaceChildren(line);
  }

  /* What was opened stays open */
  function keepOpen(old, fresh) {
    const open = new Set(Array.from(old.querySelectorAll("details[open]"), nameOf));
    for (const each of fresh.querySelectorAll("details")) if (open.has(nameOf(each))) each.open = true;
    old.replaceChildren(...document.adoptNode(fresh).childNodes);
  }

  function nameOf(details) {
    const verdict = details.closest(".verdict");
    return `${verdict ? verdict.getAttribute("aria-label") : ""}/${details.querySelector("summary").textContent}`;
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(tryIt, DELAY);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      tryIt();
    }
  });
  for (const each of document.querySelectorAll("select[data-submits]")) {
    each.addEventListener("change", () => { if (each.value) each.form.requestSubmit(); });
  }

  if (document.querySelector("#result .headline-small")) {
    markFindings();
    showMessage();
  } else {
    tryIt();
  }
})();

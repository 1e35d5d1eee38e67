/* Adds to the pages what they can do without: live parts, filters without a reload, keys, copying.
   Every page is complete without this file. */
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  /* Times: the words of page_filters.ago */

  const began = Date.now();
  const serverTime = () => Number(document.body.dataset.now) + (Date.now() - began) / 1000;

  function ago(at, now) {
    const away = at - now;
    const span = Math.abs(away);
    if (span >= 30 * 86400) return new Date(at * 1000).toISOString().slice(0, 10);
    if (span < 1) return "now";
    const [size, unit] = span >= 86400 ? [86400, "d"] : span >= 3600 ? [3600, "h"] : span >= 60 ? [60, "min"] : [1, "s"];
    const text = `${Math.floor(span / size)} ${unit}`;
    return away > 0 ? `in ${text}` : `${text} ago`;
  }

  function refreshTimes() {
    const now = serverTime();
    for (const each of all("time[data-ago]")) {
      const text = ago(Date.parse(each.dateTime) / 1000, now);
      if (each.textContent !== text) each.textContent = text;
    }
  }

  /* Parts: an element with an id takes the content of the same one in another page */

  const waiting = new Map();

  function isBusy(element) {
    const selection = document.getSelection();
    const isSelected = selection && !selection.isCollapsed && element.contains(selection.anchorNode);
    return element.contains(document.activeElement) || isSelected || element.matches(":hover");
  }

  function setPart(id, html) {
    const element = document.getElementById(id);
    if (!element) return;
    if (id !== "frame-state" && isBusy(element)) {
      waiting.set(id, html);
      return;
    }
    waiting.delete(id);
    element.innerHTML = html;
  }

  function flushParts() {
    if (waiting.size === 0) return;
    for (const [id, html] of Array.from(waiting)) setPart(id, html);
    refreshTimes();
  }

  async function fetchPage(url) {
    const response = await fetch(url, { credentials: "same-origin", headers: { "X-Console-Part": "yes" } });
    if (response.redirected && new URL(response.url).pathname === "/console/login") {
      location.assign(response.url);
      throw new Error("logged out");
    }
    return new DOMParser().parseFromString(await response.text(), "text/html");
  }

  function takeParts(page, selector) {
    for (const fresh of all(selector, page)) {
      const old = fresh.id && document.getElementById(fresh.id);
      if (old) old.replaceWith(document.adoptNode(fresh));
    }
    refreshTimes();
    document.dispatchEvent(new CustomEvent("console:parts"));
  }

  /* Filters: the list changes while one types, and the address with it */

  let typing = 0;
  let asked = 0;

  async function applyFilter(form) {
    const values = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") values.append(name, value);
    const query = values.toString();
    const url = form.getAttribute("action") + (query ? `?${query}` : "");
    asked += 1;
    const number = asked;
    try {
      const page = await fetchPage(url);
      if (number !== asked) return;
      history.replaceState(null, "", url);
      takeParts(page, "[data-part]");
    } catch {
      if (number === asked) form.submit();
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form || event.target.tagName === "SELECT") return;
    clearTimeout(typing);
    typing = setTimeout(() => applyFilter(form), 300);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (form && (event.target.tagName === "SELECT" || event.target.type === "checkbox")) applyFilter(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-filter]")) {
      event.preventDefault();
      clearTimeout(typing);
      applyFilter(event.target);
    }
  });

  /* Live parts: one stream, only while the page is seen */

  let stream = null;
  let reopening = 0;
  let silence = 0;
  let watchdog = 0;
  const base = {};

  let shownBefore = null;

  function setStale(text) {
    document.body.classList.toggle("stale", text !== "");
    const place = document.getElementById("frame-state");
    if (!place) return;
    if (text === "") {
      if (shownBefore) place.replaceChildren(...shownBefore);
      shownBefore = null;
      return;
    }
    shownBefore = shownBefore || Array.from(place.childNodes);
    const box = document.createElement("span");
    box.className = "state unknown";
    box.append("○ ", document.createElement("span"));
    box.lastElementChild.textContent = text;
    place.replaceChildren(box);
  }

  function onAnswer() {
    clearTimeout(silence);
    silence = 0;
    setStale("");
    clearTimeout(watchdog);
    watchdog = setTimeout(onStall, 25000);
  }

  /* A connection that broke without a word: a beat comes every ten seconds otherwise. */
  function onStall() {
    onSilence("");
    closeStream();
    reopening = setTimeout(openStream, 1000);
  }

  function closeStream() {
    if (stream) stream.close();
    stream = null;
    clearTimeout(watchdog);
    clearTimeout(reopening);
  }

  function onSilence(text) {
    if (!silence) {
      const since = new Date().toISOString().slice(11, 19);
      silence = setTimeout(() => setStale(text || `the server does not answer since ${since} UTC`), text ? 0 : 4000);
    }
  }

  function onMessage(event) {
    onAnswer();
    const parts = JSON.parse(event.data);
    for (const [name, value] of Object.entries(parts)) {
      if (name.startsWith("count ")) setCount(name.slice(6), value);
      else if (typeof value === "string") setPart(name, value);
    }
    if (typeof parts.number === "number") showNews(event.type, parts.number);
    if (parts["has-events"] === 1 && document.querySelector("[data-first-start]")) location.reload();
    document.dispatchEvent(new CustomEvent(`console:${event.type}`, { detail: parts }));
    refreshTimes();
  }

  function setCount(path, amount) {
    for (const each of all("[data-count]")) {
      if (each.dataset.count !== path) continue;
      each.textContent = amount.toLocaleString("en-US");
      each.hidden = amount === 0;
    }
  }

  function showNews(topic, number) {
    if (!(topic in base)) base[topic] = number;
    const fresh = number - base[topic];
    for (const each of all("[data-news]")) {
      if (each.dataset.news !== topic) continue;
      each.hidden = fresh <= 0;
      each.firstElementChild.textContent = each.hasAttribute("data-unfiltered") ? `${fresh.toLocaleString("en-US")} new` : "Show what is new";
    }
  }

  document.addEventListener("click", async (event) => {
    const news = event.target.closest("[data-news]");
    if (!news) return;
    delete base[news.dataset.news];
    news.hidden = true;
    takeParts(await fetchPage(location.href), "[data-part]");
  });

  async function onEnd() {
    const ended = stream;
    onSilence("");
    if (!ended || ended.readyState !== EventSource.CLOSED) return;
    stream = null;
    try {
      const response = await fetch("/console/live", { credentials: "same-origin" });
      if (response.status === 401) {
        clearTimeout(silence);
        silence = 0;
        onSilence("your login has ended: load the page again");
        return;
      }
    } catch {
      /* said already */
    }
    clearTimeout(reopening);
    reopening = setTimeout(openStream, 10000);
  }

  function openStream() {
    const topics = document.body.dataset.live;
    if (!topics || stream || document.hidden || !document.getElementById("frame-state")) return;
    stream = new EventSource(`/console/live?topics=${encodeURIComponent(topics)}`);
    stream.onopen = onAnswer;
    stream.onerror = onEnd;
    stream.addEventListener("beat", onAnswer);
    for (const topic of topics.split(",")) stream.addEventListener(topic, onMessage);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      closeStream();
    } else {
      refreshTimes();
      openStream();
    }
  });
  addEventListener("pagehide", closeStream);
  addEventListener("pageshow", openStream);

  /* Copy */

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const from = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    await copyText(from ? from.value || from.textContent : button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => { button.textContent = label; button.classList.remove("done"); }, 1500);
  });

  /* Selections: a box for all rows, and a count in the buttons */

  function refreshSelection(form) {
    const boxes = all("input[type=checkbox][name=select], input[type=checkbox][data-select]", form);
    const chosen = boxes.filter((each) => each.checked).length;
    for (const each of all("[data-select-all]", form)) {
      each.checked = chosen > 0 && chosen === boxes.length;
      each.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    for (const each of all("[data-selected]", form)) each.textContent = chosen.toLocaleString("en-US");
    for (const each of all("[data-needs-selection]", form)) each.disabled = chosen === 0;
  }

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form || event.target.type !== "checkbox") return;
    if (event.target.hasAttribute("data-select-all")) {
      for (const each of all("input[type=checkbox][name=select], input[type=checkbox][data-select]", form)) each.checked = event.target.checked;
    }
    refreshSelection(form);
  });

  function prepareSelections() {
    for (const each of all("[data-select-all]")) if (each.form) refreshSelection(each.form);
  }

  /* Menus and questions close when one clicks elsewhere */

  document.addEventListener("click", (event) => {
    for (const each of all("details.menu[open], details.confirm[open]")) {
      if (!each.contains(event.target)) each.open = false;
    }
  });

  /* Keys */

  let prefix = 0;

  function move(step) {
    const rows = all("[data-list] > *").filter((row) => row.querySelector("a[href]"));
    if (rows.length === 0) return;
    const now = rows.findIndex((row) => row.classList.contains("on"));
    const next = Math.min(Math.max(now + step, 0), rows.length - 1);
    for (const row of rows) row.classList.remove("on");
    rows[next].classList.add("on");
    rows[next].querySelector("a[href]").focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  function showKeys() {
    let dialog = document.getElementById("keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keys";
      dialog.setAttribute("aria-label", "Keys");
      const heading = document.createElement("h2");
      heading.textContent = "Keys";
      const list = document.createElement("dl");
      list.className = "facts";
      const pages = all("a[data-shortcut]").map((link) => [`g ${link.dataset.shortcut}`, link.querySelector(".label-text").textContent]);
      const entries = [["/", "search"], ["j  k", "next, previous row"], ["Enter", "open the row"], ...pages, ["?", "these keys"]];
      for (const [keys, meaning] of entries) {
        const term = document.createElement("dt");
        for (const key of keys.split(/ +/)) {
          const box = document.createElement("kbd");
          box.textContent = key;
          term.append(box, " ");
        }
        const text = document.createElement("dd");
        text.textContent = meaning;
        list.append(term, text);
      }
      const close = document.createElement("form");
      close.method = "dialog";
      const button = document.createElement("button");
      button.textContent = "Close";
      close.append(button);
      dialog.append(heading, list, close);
      document.body.append(dialog);
    }
    dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      for (const each of all("details.menu[open], details.confirm[open]")) each.open = false;
      return;
    }
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (prefix && Date.now() - prefix < 1500) {
      prefix = 0;
      const link = all("a[data-shortcut]").find((each) => each.dataset.shortcut === event.key);
      if (link) location.assign(link.href);
      return;
    }
    const search = document.querySelector("[data-search]");
    if (event.key === "g") prefix = Date.now();
    else if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "?") showKeys();
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-keys]")) showKeys(); });

  /* Begin */

  function showCurrentPage() {
    const link = document.querySelector(".tabs-bar a[aria-current]");
    const bar = link && link.closest("ul");
    if (bar) bar.scrollLeft = link.offsetLeft - bar.offsetLeft - (bar.clientWidth - link.offsetWidth) / 2;
  }

  refreshTimes();
  showCurrentPage();
  prepareSelections();
  document.addEventListener("console:parts", prepareSelections);
  document.addEventListener("pointerout", () => setTimeout(flushParts, 50));
  setInterval(() => { if (!document.hidden) { refreshTimes(); flushParts(); } }, 5000);
  openStream();
  globalThis.routerConsole = { fetchPage, takeParts, setPart, copyText };
})();

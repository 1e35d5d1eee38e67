/* The list of events: a search goes on where the page has ended, and what is new is counted. */
"use strict";

(() => {
  const NEWER_MS = 3000;
  let search = null;

  const panel = () => document.getElementById("events-part");

  function setProgress(text) {
    const place = document.querySelector("#events-part [data-progress]");
    if (place) place.textContent = text;
  }

  function setNext(url) {
    const link = document.querySelector("#events-part [rel=next]");
    if (!link) return;
    link.hidden = !url;
    if (url) link.href = url;
  }

  function show(line, total) {
    const rows = document.querySelector("#events tbody");
    if (rows && line.rows) {
      rows.closest("[data-found]").hidden = false;
      rows.insertAdjacentHTML("beforeend", line.rows);
      const empty = document.querySelector("#events-part .empty");
      if (empty) empty.hidden = true;
    }
    const back = line.reached ? `, back to ${line.reached}` : "";
    const nothing = document.querySelector("#events-part [data-nothing]");
    if (nothing && !line.next && rows && !rows.children.length) {
      nothing.hidden = false;
      document.querySelector("#events-part .empty").hidden = true;
    }
    setProgress(`${total.toLocaleString("en-US")} events searched${back}.`);
    setNext(line.next);
  }

  async function* lines(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) yield JSON.parse(part);
    }
  }

  function setStop(isSearching) {
    for (const each of document.querySelectorAll("[data-stop-search]")) each.hidden = !isSearching;
    if (panel()) panel().setAttribute("aria-busy", String(isSearching));
  }

  async function begin() {
    if (search) search.abort();
    search = null;
    const url = panel() && panel().dataset.searchOn;
    if (!url) return;
    const own = new AbortController();
    search = own;
    setStop(true);
    const before = Number(panel().dataset.scanned);
    try {
      const response = await fetch(url, { credentials: "same-origin", signal: own.signal });
      if (response.ok) {
        for await (const line of lines(response)) {
          if (search !== own) return;
          show(line, before + line.scanned);
        }
      }
    } catch {
      /* stopped, or the server has ended it: the link goes on from there */
    }
    if (search === own) {
      search = null;
      setStop(false);
    }
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-stop-search]") || !search) return;
    search.abort();
    search = null;
    setStop(false);
  });

  /* A filtered list asks how many of the new events match, now and then */

  let isAsking = false;
  let isAskedAgain = false;

  async function countNewer() {
    const url = panel() && panel().dataset.newer;
    isAskedAgain = isAsking;
    if (!url || isAsking) return;
    isAsking = true;
    try {
      const response = await fetch(url, { credentials: "same-origin" });
      const { number } = response.ok ? await response.json() : { number: 0 };
      const news = document.getElementById("events-news");
      if (news && panel().dataset.newer === url) {
        news.hidden = number === 0;
        news.firstElementChild.textContent = `${number.toLocaleString("en-US")} new`;
      }
    } catch {
      /* the frame says that the server does not answer */
    }
    setTimeout(() => {
      isAsking = false;
      if (isAskedAgain) countNewer();
    }, NEWER_MS);
  }

  let seen = null;
  document.addEventListener("console:events", (event) => {
    if (seen !== null && event.detail.number !== seen) countNewer();
    seen = event.detail.number;
  });
  document.addEventListener("console:parts", begin);
  addEventListener("pagehide", () => { if (search) search.abort(); });
  begin();
})();

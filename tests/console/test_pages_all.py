"""All pages of the console, in a real browser and without one: what each of them must show and leave."""

import html
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Page
from support.browser import browsing, needs_browser, problems_of
from support.console_pages import NO_PAGES, PAGES, READS, VARIANTS, address_of, paths_of
from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import visiting
from support.hostile_router import ELEMENT, SHOWN, hostile_router

from router.datatypes import Secret
from router.journal.connection import Connection

_LARGEST = 60_000
"""Bytes of a page."""
_NARROW = {"width": 320, "height": 900}
_UNUSABLE = """() => {
  const shown = (element) => element.checkVisibility();
  const start = (element) => element.outerHTML.slice(0, 120);
  const buttons = [...document.querySelectorAll("button")].filter(shown);
  const links = [...document.querySelectorAll("a")];
  const forms = [...document.forms].filter((form) => !form.hidden);
  const submits = (form) => [...form.elements].some((each) => each.type === "submit");
  return [
    ...buttons.filter((each) => !each.form || each.type !== "submit").map(start),
    ...links.filter((each) => !/^([/?]|#.|https:)/.test(each.getAttribute("href") || "")).map(start),
    ...forms.filter((each) => !submits(each)).map(start),
    ...(document.querySelector("main").innerText.trim().length < 10 ? ["nothing to read"] : []),
    ...(document.documentElement.scrollWidth > innerWidth ? ["wider than a telephone"] : []),
  ];
}"""
"""Returns the controls that do nothing without JavaScript, and what else is wrong then."""
_POSTS = re.compile(r'<form[^>]*method="post"[^>]*>|formaction="[^"]*"')
_ACTION = re.compile(r'action="([^"]*)"')


@needs_browser
async def test_every_page_is_accessible_inert_and_usable(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    problems: list[str] = []

    async with (
        hostile_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
        visiting(router.url, OPERATOR) as visit,
        visiting(router.url, VIEWER) as reader,
    ):
        addresses = [(each, await address_of(each, visit)) for each in (*PAGES, *VARIANTS)]
        page = await browser.log_in(OPERATOR)
        plain = await browser.log_in(OPERATOR, script=False, viewport=_NARROW)
        await page.add_init_script("window.taken = () => { window.isTaken = true; }")
        for listed, address in addresses:
            url = router.url + address
            response = await page.goto(url)
            assert response is not None
            found = [f"status {response.status}"] if response.status != 200 else []
            size = len(await response.body())
            found += [f"{size} bytes"] if size > _LARGEST else []
            heading = await page.inner_text("h1")
            found += [f"not about {each}" for each in listed.ids.values() if each not in heading]
            found += await problems_of(page)
            found += await hostile_traces(page, is_shown=listed.has_hostile_texts)
            await plain.goto(url)
            found += [f"without script: {each}" for each in await plain.evaluate(_UNUSABLE)]
            if not listed.is_for_operators:
                writes = set(posts_of((await reader.get(address)).body)) - READS
                found += [f"a viewer sees a form of {each}" for each in writes]
            problems += [f"{address}: {each}" for each in found]

    assert not problems, "\n".join(problems)
    assert not browser.complaints, "\n".join(browser.complaints)


def posts_of(body: str) -> list[str]:
    """The addresses to which the forms of a page post."""
    found = [_ACTION.search(each) for each in _POSTS.findall(body)]
    return [html.unescape(each[1]) for each in found if each]


async def hostile_traces(page: Page, *, is_shown: bool) -> list[str]:
    """What markup of strangers has made of a page and of the frames in it."""
    problems = []
    texts = []
    for frame in page.frames:
        made: dict[str, Any] = await frame.evaluate(
            """(name) => ({
              elements: document.querySelectorAll(`${name}, [onerror], img[src="x"]`).length,
              isTaken: Boolean(window.isTaken),
              text: document.documentElement.textContent
                + [...document.querySelectorAll("input, textarea")].map((each) => each.value),
            })""",
            ELEMENT,
        )
        problems += [f"elements of a stranger in {frame.url}"] * bool(made["elements"])
        problems += [f"a script of a stranger ran in {frame.url}"] * made["isTaken"]
        texts.append(made["text"])
    text = "".join(texts)
    problems += ["the text of a stranger is missing"] * (is_shown and SHOWN not in text)
    problems += ["a template of a stranger was rendered"] * ("49 }}" in text or "\"'49" in text)
    return problems


async def test_every_page_is_listed_and_viewers_may_post_nothing(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        paths = {each.path for each in PAGES} | NO_PAGES
        posts = paths_of(router.pages, "POST")
        statuses = {
            path: (await visit.post(path.replace("{", "").replace("}", ""))).status
            for path in sorted(posts - READS)
        }

    assert paths_of(router.pages, "GET") == paths
    assert posts >= READS
    assert set(statuses.values()) == {403}, statuses

"""Pages in a real browser: what scripts add."""

from pathlib import Path

import pytest
from support.browser import browsing, needs_browser
from support.console_router import EVENTS, OPERATOR, VIEWER, event, watched_router
from support.running import post_batch
from support.waiting import until

from router.api import event_stream
from router.console import events_page
from router.datatypes import Secret
from router.journal.connection import Connection

pytestmark = needs_browser


async def test_a_search_shows_hits_as_it_finds_them_and_can_be_stopped(
    redis_url: Secret, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_page, "_SCANNED", 1)
    monkeypatch.setattr(event_stream, "_SCANNED_AT_ONCE", 1)
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(VIEWER)
        await page.goto(f"{router.url}/console/events")
        await page.fill("[name=text]", "quiet")
        await page.wait_for_url("**/console/events?text=quiet")
        await page.wait_for_selector("text=5 events searched")
        address = page.url
        shown = await page.locator("#events tbody tr:visible").count()

        await page.fill("[name=text]", "nothing like it")
        await page.wait_for_selector("text=No event of history has this text")

        # The answer never comes.
        await page.route("**/console/events/search*", lambda _route: None)
        await page.fill("[name=text]", "loud")
        stop = page.get_by_role("button", name="Stop searching")
        await stop.click()
        await stop.wait_for(state="hidden")
        goes_on = await page.get_by_role("link", name="Search on").is_visible()

    assert (address, shown) == (f"{router.url}/console/events?text=quiet", 1)
    assert goes_on
    assert browser.complaints == []


async def test_new_events_are_counted_and_shown_when_the_reader_asks(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(VIEWER)
        await page.add_init_script(
            "document.addEventListener('console:events', () => { window.hasHeard = true; })"
        )
        counts = []
        for query in ("", "?outcome=filtered"):
            await page.goto(f"{router.url}/console/events{query}")
            rows = page.locator("#events tbody tr")
            counts.append(await rows.count())
            await until(lambda: page.evaluate("window.hasHeard === true"))
            bodies = [event(20 + len(query), EVENTS[0]), event(21 + len(query), EVENTS[1])]
            await post_batch(router, bodies)
            await page.click("#events-news button:has-text(' new')")
            await page.wait_for_selector(f"#events tbody tr:nth-child({counts[-1] + 1})")
            counts.append(await rows.count())

    assert counts == [5, 7, 3, 4]
    assert browser.complaints == []


async def test_alerts_are_selected_and_acknowledged_with_script_and_without(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(OPERATOR)
        await page.goto(f"{router.url}/console/alerts")
        button = page.get_by_role("button", name="Acknowledge")
        was_disabled = await button.is_disabled()
        await page.check("[data-select-all]")
        selected = await page.inner_text("[data-selected]")
        await button.click()
        said = await page.inner_text(".notice")

        plain = await browser.log_in(OPERATOR, script=False)
        await plain.goto(f"{router.url}/console/alerts?state=acknowledged")
        await plain.click("#alerts tbody tr:first-child a")
        await plain.click("text=Withdraw acknowledgement")
        withdrawn = await plain.inner_text(".notice")

    assert (was_disabled, selected) == (True, "2")
    assert "2 alerts acknowledged" in said
    assert "Acknowledgement withdrawn" in withdrawn
    assert browser.complaints == []

"""The pages of rules, destinations and records in a real browser."""

import re
from pathlib import Path

from support.browser import browsing, needs_browser
from support.console_router import OPERATOR, RULES, VIEWER, watched_router
from support.waiting import until

from router.datatypes import Secret
from router.journal.connection import Connection

pytestmark = needs_browser
DEAD = "/console/dead-letters?destination=chat"


async def test_the_playground_shows_findings_and_messages_while_one_types(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(VIEWER)
        await page.goto(f"{router.url}/console/playground?rule=call-quality")
        await page.wait_for_selector("text=1 rule of 1 matches, 2 messages")
        frame = page.frame_locator("iframe[name=message]")
        await frame.get_by_text("4 issues in loud").first.wait_for()
        entries = await page.evaluate("history.length")

        rules = await page.input_value("[name=rules]")
        await page.fill("[name=rules]", rules.replace(">= 3", ">= "))
        await page.wait_for_selector("text=the rules would not be loaded")
        marked = await page.locator(".gutter .critical").all_inner_texts()
        await page.click("[data-goto]")
        chosen = await page.evaluate(
            "document.querySelector('[name=rules]').value.slice(0,"
            " document.querySelector('[name=rules]').selectionStart).split('\\n').length"
        )
        await page.fill("[name=rules]", rules.replace(">= 3", ">= 5"))
        await page.wait_for_selector("text=No rule matches")
        values = await page.locator("#result .decider").first.inner_text()
        stayed = await page.evaluate("history.length")

    assert marked == [str(chosen)]
    assert values == "false: data.issues = 4"
    assert stayed == entries
    assert (tmp_path / "a.yaml").read_text() == RULES
    assert browser.complaints == []


async def test_dead_letters_are_replayed_with_script_and_discarded_without(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(OPERATOR)

        async def has_letters() -> bool:
            await page.goto(router.url + DEAD)
            return await page.locator("input[name=select]").count() == 2

        await until(has_letters)
        replay = page.get_by_role("button", name=re.compile("Replay . selected"))
        was_enabled = await replay.is_enabled()
        await page.locator("input[name=select]").first.check()
        await replay.click()
        await page.wait_for_selector("text=Replayed 1 dead letter.")

        await until(has_letters)
        plain = await browser.log_in(OPERATOR, script=False)
        await plain.goto(router.url + DEAD)
        await plain.get_by_text("Discard all…").click()
        await plain.get_by_role("button", name="Discard 2 dead letters").click()
        await plain.wait_for_selector("text=Discarded 2 dead letters.")

    assert not was_enabled
    assert browser.complaints == []


async def test_a_pause_is_seen_by_others_without_a_reload(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        browsing(router.url) as browser,
    ):
        page = await browser.log_in(OPERATOR)
        reader = await browser.log_in(VIEWER)
        await reader.goto(f"{router.url}/console/destinations")
        await page.goto(f"{router.url}/console/destinations/noc")
        await page.get_by_text("Pause…").click()
        await page.fill("#reason", "they move")
        await page.get_by_role("button", name="Pause noc").click()
        await page.wait_for_selector("text=Paused noc")
        await reader.wait_for_selector("#health-noc:has-text('paused')")  # without a reload
        await reader.goto(f"{router.url}/console/destinations/noc")
        seen = await reader.locator("main").inner_text()
        buttons = await reader.locator("main button[type=submit]:visible").count()

    assert "they move" in seen
    assert buttons == 0
    assert browser.complaints == []

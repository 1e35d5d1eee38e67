"""An open page in a real browser: it moves, says what is away, recovers, and rests while unseen."""

from pathlib import Path

import pytest
from playwright.async_api import Page, Request
from support import least_rights
from support.browser import browsing, needs_browser
from support.console_router import EVENTS, OPERATOR, RULES, event, watched_router
from support.running import post_batch, running, settings_for, worker_of
from support.tcp_proxy import TcpProxy
from support.waiting import until

from router.console import live_stream
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.twilio_tests import SinkTest, SinkTests
from router.runtime.roles import Roles

pytestmark = needs_browser
_SET_HIDDEN = """hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_an_open_overview_moves_says_what_is_away_and_recovers(
    redis_url: Secret, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_stream, "_RETRY_MS", 50)
    socket = least_rights.socket_of(redis_url)
    async with TcpProxy(socket) as redis:
        url = least_rights.as_router(Secret(f"redis://{redis.address}/0"))
        async with (
            watched_router(url, connection, tmp_path) as router,
            TcpProxy((router.address.host, router.address.port)) as network,
            browsing(f"http://{network.address}") as browser,
        ):
            page = await browser.log_in(OPERATOR)
            await page.clock.install()
            await page.reload()
            state, headline = page.locator("#frame-state"), page.locator("#overview-headline")
            await post_batch(router, [event(50, EVENTS[1])])
            await page.locator("#overview-events", has_text="CF50").wait_for()
            rows = await page.locator("#overview-events tbody tr").count()

            _cut_off(redis)
            await state.filter(has_text="Redis does not answer").wait_for()
            await headline.filter(has_text="Look at Redis and the network to it").wait_for()
            redis.clear()
            await headline.filter(has_text="events in the last").wait_for()

            said = []
            for break_off in (_cut_off, TcpProxy.silence):
                break_off(network)
                await until(lambda: _is_stale(page))
                said.append(await state.inner_text())
                network.clear()
                await page.locator("body:not(.stale)").wait_for()
                await state.filter(has_not_text="server").wait_for()
            streams = await _streams_while_hidden_and_seen(page)

    assert rows == 6
    assert ["the server does not answer since" in each for each in said] == [True, True]
    assert streams == ["ended", "began"]


async def test_the_first_steps_are_marked_as_they_are_seen_and_give_way_to_the_first_event(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    settings = settings_for(redis_url, admin_token=Secret(OPERATOR))
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    async with running(settings, roles) as router, browsing(router.url) as browser:
        page = await browser.log_in(OPERATOR)
        command = await page.get_attribute(".command [data-copy]", "data-copy")
        done = page.locator("#overview-steps li.done")
        before = await done.count()
        test = SinkTest(test_id="EW1", account_sid="AC1", received_at=1.0)
        await SinkTests(connection).record(test)
        await done.filter(has_text="EW1").wait_for()
        after = await done.count()
        await post_batch(router, [event(1, EVENTS[0])])
        await page.locator("#overview-events", has_text="CF1").wait_for()

    assert command == "router send --sample"
    assert after == before + 1
    assert browser.complaints == []


def _cut_off(proxy: TcpProxy) -> None:
    proxy.weather.is_refusing = True
    proxy.reset_all()


async def _is_stale(page: Page) -> bool:
    # The page waits for four seconds before it says so.
    await page.clock.fast_forward(4000)
    is_stale: bool = await page.evaluate("document.body.classList.contains('stale')")
    return is_stale


async def _streams_while_hidden_and_seen(page: Page) -> list[str]:
    """Return what happens to the event stream when the page is hidden, then seen again."""
    seen: list[str] = []

    def note(word: str, request: Request) -> None:
        if "/console/live" in request.url:
            seen.append(word)

    page.on("requestfailed", lambda each: note("ended", each))
    page.on("request", lambda each: note("began", each))
    for is_hidden, word in ((True, "ended"), (False, "began")):
        await page.evaluate(_SET_HIDDEN, is_hidden)
        await until(lambda word=word: _has(seen, word))
    return seen


async def _has(seen: list[str], word: str) -> bool:
    return word in seen

"""A real browser for the pages of the console: Chromium, as Debian or another system has it.

Tests that need it are skipped where there is none.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from support.browser_path import browser_path

_AXE: Final = Axe()
_SERIOUS: Final = frozenset({"serious", "critical"})
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WIDE: Final = 1440
WIDTHS: Final = (WIDE, WIDE // 2, 390, 320)
"""Of windows, in CSS pixels: the second one is the first at 200 %, the last ones are phones."""
_FLAGS: Final = (
    # The sandbox of the browser needs rights that containers do not give, and refuses root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # It asks for nothing but the pages.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


needs_browser: Final = pytest.mark.usefixtures("browser_or_skip")


class WatchedBrowser:
    """A browser that notes what its pages complain about: errors of scripts, violations of the CSP."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        self.complaints: list[str] = []

    async def log_in(self, token: str, *, script: bool = True, **context: Any) -> Page:
        """The overview, after a login with a token."""
        made = await self._context(script=script, **context)
        page = await made.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"{page.url}: {message.text}")
                if message.type == "error"
                else None
            ),
        )
        await page.goto(f"{self.url}/console/login")
        await page.fill("input[name=token]", token)
        await page.press("input[name=token]", "Enter")
        await page.wait_for_url("**/console")
        return page

    async def _context(self, *, script: bool, **more: Any) -> BrowserContext:
        context = await self._browser.new_context(java_script_enabled=script, **more)
        context.set_default_timeout(15_000)
        return context


@asynccontextmanager
async def started_browser() -> AsyncIterator[Browser]:
    """Start a browser."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(executable_path=browser_path(), args=_FLAGS)


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[WatchedBrowser]:
    """Start a browser for the console at an address."""
    async with started_browser() as browser:
        yield WatchedBrowser(browser, url)
        await browser.close()


async def problems_of(page: Page) -> list[str]:
    """What axe-core finds serious or critical on a page in both themes, and where it is too wide."""
    problems = []
    await page.evaluate(_AXE.axe_script)
    for theme in THEMES:
        # Without motion, because a colour in transition has another contrast.
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        # The other rules do not look at colours.
        rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}
        found: dict[str, Any] = await page.evaluate(
            "(options) => axe.run(options)", {"resultTypes": ["violations"], **rules}
        )
        problems += [
            f"{theme}: {each['id']}: {[node['html'][:120] for node in each['nodes']][:3]}"
            for each in found["violations"]
            if each["impact"] in _SERIOUS
        ]
    return problems + await widths_of(page)


async def widths_of(page: Page) -> list[str]:
    """The widths at which the page would scroll sideways."""
    problems = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        wide: int = await page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{wide} px wide in a window of {width} px")
    await page.set_viewport_size({"width": WIDE, "height": 900})
    return problems

"""Write docs/images/console-<page>-<theme>-<width>.png for every page of the console: ``make screenshots``.

The router shows the same each time (``support/lifelike_router.py``). Colours are reduced by
pngquant where it is on PATH; without it the files are larger.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page
from support.browser import THEMES, browsing
from support.browser_path import browser_path
from support.console_pages import PAGES, address_of
from support.console_visit import visiting
from support.lifelike_router import OPERATOR, lifelike_router

from router.dev.embedded_redis import EmbeddedRedis, find_server

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
SIZES: Final = ((1440, 900), (390, 844))
LARGEST: Final = 120_000
"""Bytes of a picture."""


async def write_all(wanted: list[str]) -> list[Path]:
    """Write the pictures of the pages that are named, of all if none is; return their files."""
    sample = (ROOT / "tests" / "data" / "conference-summary-complete.json").read_bytes()
    written = []
    with tempfile.TemporaryDirectory() as folder:
        (rules := Path(folder) / "rules").mkdir()
        redis = EmbeddedRedis(find_server(""), Path(folder))
        redis.start()
        try:
            async with (
                lifelike_router(redis.url, ROOT / "rules", rules, sample) as router,
                visiting(router.url, OPERATOR) as visit,
                browsing(router.url) as browser,
            ):
                page = await browser.log_in(OPERATOR)
                for listed in PAGES:
                    if not wanted or listed.name in wanted:
                        await page.goto(router.url + await address_of(listed, visit))
                        written += await write_one(page, listed.name)
                for complaint in browser.complaints:
                    print(complaint)
        finally:
            redis.stop()
    return written


async def write_one(page: Page, name: str) -> list[Path]:
    """Write the pictures of the page that is open."""
    written = []
    if name == "playground":
        await page.wait_for_selector("#result .verdict, #result .badge")
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            path = IMAGES / f"console-{name}-{theme}-{width}.png"
            await page.screenshot(path=path)
            written.append(path)
    return written


def reduce(paths: list[Path]) -> None:
    """Reduce the colours of pictures to a palette."""
    program = shutil.which("pngquant")
    if program is None:
        print("pngquant is not on PATH: the pictures are larger than they need be")
        return
    command = [program, "--force", "--ext", ".png", "--strip", "--quality", "60-95", "--"]
    subprocess.run([*command, *paths], check=True)


def main() -> None:
    if not browser_path():
        sys.exit("no Chromium was found: run `make browser`")
    IMAGES.mkdir(exist_ok=True)
    written = asyncio.run(write_all(sys.argv[1:]))
    reduce(written)
    total = sum(path.stat().st_size for path in written)
    print(f"{len(written)} pictures, {total // 1000} KB in all")
    for path in written:
        if path.stat().st_size > LARGEST:
            print(f"{path.name} has {path.stat().st_size // 1000} KB, more than {LARGEST // 1000}")


if __name__ == "__main__":
    main()

"""The search of the written site, in a browser, on pages that are opened from a folder."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page
from support.browser import needs_browser, started_browser
from support.site_hooks import DOCS

MKDOCS: Final = Path(sys.prefix) / "docs" / "bin" / "mkdocs"
SEEN: Final = 4
"""Pages that a reader sees without scrolling."""

QUESTIONS: Final = {
    "connect twilio": "how-to/connect-twilio",
    "twilio event streams sink": "how-to/connect-twilio",
    "what happens when redis dies": "start/questions",
    "redis down": "start/questions",
    "rotate secret": "how-to/rotate-a-secret",
    "rotate auth token": "how-to/rotate-a-secret",
    "how do I add a destination": "how-to/add-a-destination",
    "discord": "how-to/add-a-destination",
    "sms": "how-to/add-a-destination",
    "upgrade without downtime": "start/questions",
    "why was I not paged": "start/questions",
    "test a rule": "how-to/test-a-change",
    "cost": "start/questions",
    "sizing": "operate/memory",
    "high availability": "start/questions",
    "can two of them run": "start/questions",
    "privacy": "start/questions",
    "gdpr": "start/questions",
    "mask personal data": "how-to/mask-personal-data",
    "on-call schedule": "start/questions",
    "silence": "how-to/silence-alerts",
    "silence at night": "start/questions",
    "message twice": "start/questions",
    "dead letter": "operate/dead-letters",
    "replay": "how-to/handle-dead-letters",
    "subaccounts": "how-to/connect-twilio",
    "timezone": "start/questions",
    "license": "start/questions",
    "uninstall": "start/questions",
    "nginx": "operate/proxies",
    "docker": "operate/install",
    "grafana": "operate/monitoring",
}
"""What newcomers type, and the page that answers it."""

pytestmark = [
    needs_browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not MKDOCS.exists(), reason="MkDocs was not found: run `make docs`"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [str(MKDOCS), "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=DOCS.parent, check=True, timeout=120)  # noqa: S603
    return folder


@pytest.fixture
async def page(site: Path) -> AsyncIterator[Page]:
    async with started_browser() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"file://{site}/index.html")
        await page.click("input.md-search__input")
        await page.wait_for_function(
            "document.querySelector('.md-search-result__meta').innerText.startsWith('Type')"
        )
        yield page


async def found(page: Page, question: str) -> list[str]:
    """Return the pages that the search shows first."""
    await page.eval_on_selector(".md-search-result__list", "list => list.replaceChildren()")
    await page.fill("input.md-search__input", question)
    await page.keyboard.press("End")
    await page.wait_for_selector(".md-search-result__item")
    links = await page.eval_on_selector_all(
        ".md-search-result__item", "items => items.map(item => item.querySelector('a').pathname)"
    )
    return ["/".join(Path(link).with_suffix("").parts[-2:]) for link in links[:SEEN]]


async def test_a_question_leads_to_the_page_that_answers_it(page: Page) -> None:
    answers = {question: await found(page, question) for question in QUESTIONS}

    wrong = {
        question: answer
        for question, answer in answers.items()
        if QUESTIONS[question] not in answer
    }
    assert wrong == {}

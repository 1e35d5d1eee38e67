"""Pages of alerts as a reader sees them."""

import html
import re

import aiohttp


async def text_of(response: aiohttp.ClientResponse) -> str:
    """Return the text of a page, a line for each element. It must show ``<i>`` as text only."""
    content = re.sub(r"<style>.*?</style>", "", await response.text())
    assert "<i>" not in content
    return html.unescape(re.sub(r"(?:<[^>]*>)+", "\n", content))

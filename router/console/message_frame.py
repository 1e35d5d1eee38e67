"""Messages in frames: documents with a style of their own, which run nothing and load nothing."""

from typing import Final

from aiohttp import web

from router.alerts import Preview
from router.offline.preview import as_page

MESSAGE_HEADERS: Final = {
    # A message of a mail or a chat has styles of its own. It is shown in a frame without rights:
    # no script, no form, no address of its own, nothing from elsewhere.
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of a message as its reader sees it."""


def framed_message(preview: Preview, title: str) -> web.Response:
    """Return a message as its reader sees it, as a document for a frame."""
    return web.Response(
        text=as_page(preview, title), content_type="text/html", headers=MESSAGE_HEADERS
    )

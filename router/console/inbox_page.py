"""``/console/inbox``: the messages that were captured, as their receivers would see them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from router.api.access import Role
from router.api.requests import BadRequestError
from router.console.inbox import CapturedMessage, Inbox
from router.console.live_hub import Topic
from router.console.message_frame import framed_message
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame

PATH: Final = f"{HOME}/inbox"
TOPIC: Final = "inbox"
_LISTED: Final = 50


class InboxPage:
    """Handlers of the inbox.

    Args:
        frame: The frame of the pages.
        inbox: The messages.
    """

    def __init__(self, frame: ConsoleFrame, inbox: Inbox) -> None:
        self._frame = frame
        self._inbox = inbox

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.page),
            self._frame.page(f"{PATH}/{{number}}/message", self.message),
        ]

    def topic(self) -> Topic:
        """Return the topic that says how many messages came."""

        async def read() -> int:
            return self._inbox.captured

        def show(captured: int, _role: Role) -> Mapping[str, str | int]:
            return {"number": captured}

        return Topic(name=TOPIC, read=read, show=show)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the list, and one message of it."""
        destination = request.query.get("destination", "")
        messages = self._inbox.messages(destination)
        wanted = request.query.get("message", "")
        chosen = self._find(wanted) if wanted else next(iter(messages), None)
        return await self._frame.render(
            request,
            "inbox.html.jinja",
            messages=messages[:_LISTED],
            left_out=max(0, len(messages) - _LISTED),
            chosen=chosen,
            body="" if chosen is None else _body(chosen),
            destination=destination,
            destinations=self._inbox.destinations,
        )

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Show a message as its receiver would see it: a document for a frame."""
        found = self._find(request.match_info["number"])
        return framed_message(found.preview, f"Message to {found.delivery.destination}")

    def _find(self, number: str) -> CapturedMessage:
        found = self._inbox.find(int(number)) if number.isascii() and number.isdigit() else None
        if found is None:
            message = "this message is not in the inbox any more: it keeps the last ones only"
            raise BadRequestError(message, status=404)
        return found


def _body(message: CapturedMessage) -> str:
    preview = message.preview
    if "json" in preview.content_type:
        return msgspec.json.format(preview.body, indent=2)
    return preview.body

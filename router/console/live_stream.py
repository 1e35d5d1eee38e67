"""``/console/live``: the event stream of an open page (server-sent events)."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from router.console.live_hub import LiveHub, Subscriber
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame, visitor_of

PATH: Final = f"{HOME}/live"
_RETRY_MS: Final = 3000
"""After how long a browser subscribes again when its stream has ended."""


class LiveStream:
    """Handler of the event stream.

    Args:
        frame: Asks for the login.
        hub: Has the topics.
    """

    def __init__(self, frame: ConsoleFrame, hub: LiveHub) -> None:
        self._frame = frame
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [self._frame.stream(PATH, self.get)]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send the changes of the topics that ``topics`` names, until the browser leaves."""
        topics = self._hub.known(request.query.get("topics", "").split(","))
        transport = request.transport
        subscriber = Subscriber(
            topics,
            visitor_of(request).caller.role,
            lambda: transport is None or transport.is_closing(),
        )
        if not topics or not self._hub.subscribe(subscriber):
            return web.Response(status=HTTPStatus.NO_CONTENT)  # the browser does not ask again
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
        )
        try:
            await response.prepare(request)
            await response.write(b"retry: %d\n\n" % _RETRY_MS)
            while message := await subscriber.next():
                await response.write(message)
        except (ConnectionError, asyncio.CancelledError):
            if not subscriber.is_gone():
                raise
        finally:
            self._hub.unsubscribe(subscriber)
        return response

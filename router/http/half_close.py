"""Connections whose client has sent all that it will send, and still reads.

A client may end its half of a connection after a complete request (``shutdown(SHUT_WR)``), as simple
programs do to mark the end of what they send. Its request is answered, and then the connection ends.
A request that is incomplete then will never be complete, so its connection ends at once.

Source: RFC 9112, section 9.6.
"""

import asyncio
from typing import Final

from router.http.aiohttp_adapter import ServerConnection

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 1.0


def close_when_answered(
    connection: ServerConnection,
    transport: asyncio.WriteTransport,
    loop: asyncio.AbstractEventLoop,
    pause: float = _FIRST_PAUSE,
) -> None:
    """Close a connection when the requests that arrived are answered.

    Args:
        connection: The connection, which has a request.
        transport: Its transport.
        loop: Its event loop.
        pause: Seconds until the next check. Each is twice as long as the one before, because a
            response takes long only if Redis does.
    """
    if transport.is_closing():
        return
    if connection.is_awaiting_head or connection.has_incomplete_body:
        transport.close()
        return
    later = min(2 * pause, _LONGEST_PAUSE)
    loop.call_later(pause, close_when_answered, connection, transport, loop, later)

"""Connections before there is a request: how many there are, and how long a head may take.

aiohttp limits a request once its head is complete; until then it waits. A client could open
thousands of connections and never finish a head (slow loris), or open more connections than there
are descriptors. Then none would be left for Redis. A first line with its headers therefore has a
deadline and a maximum size, and a connection above the limit is answered with 503 and closed.

The protocol is aiohttp's own (see ``aiohttp_adapter``), extended where bytes arrive. A head that
arrives in one piece, as heads of ordinary clients do, needs no task and no timer of its own.
"""

import asyncio
import logging
import math
import resource
import socket
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from aiohttp import hdrs, web

from router.http import aiohttp_adapter
from router.http.openapi import JSON, ErrorBody, ErrorDetail
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_RESPONSE_503: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_RESPONSE_408: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_RESPONSE_431: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_LINGERING_TIME: Final = 2.0
"""Seconds that the rest of a rejected body is read and dropped before the connection is cut.

Long enough for the sender to read the response, too short to occupy a connection.
"""
_LOG_INTERVAL: Final = 10.0
"""Seconds between two warnings about the connection limit: at the limit, each connection that ends
is replaced by a new one, and each of those would be a line."""
_BACKLOG: Final = 1024
_MAX_REASON: Final = 200
"""Characters of the reason in the response to malformed HTTP."""


class ListenAddress(msgspec.Struct, frozen=True):
    """The address that a server binds."""

    host: str
    port: int
    """0 for any free port."""
    inherited: int | None = None
    """Descriptor of a listening socket of the parent process, which is served instead."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the connections of a server. Times are in seconds, sizes in bytes."""

    max_connections: int
    head_timeout: float
    head_size: int
    keepalive_timeout: float


def cap_to_fd_limit(wanted: int) -> int:
    """Return ``wanted`` connections, or half of the process's descriptor limit if that is less."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(soft // 2, 1))


def connection_options(limits: ConnectionLimits) -> dict[str, Any]:
    """Return the parameters of aiohttp's protocol, as ``AppRunner`` and the protocol take them."""
    return {
        "keepalive_timeout": limits.keepalive_timeout,
        "lingering_time": _LINGERING_TIME,
        "access_log": None,
        # Only ingress/body.py decompresses, because a small body can grow to gigabytes.
        "auto_decompress": False,
    }


class HttpSite:
    """A listening socket whose connections must observe ``limits``.

    Args:
        server: aiohttp's server, which handles the requests.
        limits: The limits of each connection, and of all of them together.
        metrics: Counts open and refused connections.
        missing: The result of ``aiohttp_adapter.missing_names``; limits that need them are off.
    """

    def __init__(
        self,
        server: web.Server,
        limits: ConnectionLimits,
        metrics: Metrics,
        *,
        missing: Collection[str] = (),
    ) -> None:
        self.server = server
        self.limits = limits
        self.open = 0
        """Connections that are open now."""
        self._metrics = metrics
        self._missing = missing
        self._next_full_warning = -math.inf
        self._listener: asyncio.Server | None = None

    async def start(self, address: ListenAddress) -> tuple[str, int]:
        """Listen, and return host and port.

        Raises:
            OSError: The address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        where: dict[str, Any] = (
            {"host": address.host, "port": address.port}
            if address.inherited is None
            else {"sock": socket.socket(fileno=address.inherited)}
        )
        self._listener = await loop.create_server(self._protocol(loop), backlog=_BACKLOG, **where)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    def stop(self) -> None:
        """Accept no more connections. Idempotent; open connections stay."""
        if self._listener is not None:
            self._listener.close()

    def admit(self) -> bool:
        """Count a new connection; return False, and count a refusal, above the limit."""
        if self.open >= self.limits.max_connections:
            now = asyncio.get_running_loop().time()
            if now >= self._next_full_warning:
                self._next_full_warning = now + _LOG_INTERVAL
                logger.warning("connection limit reached", extra={"open": self.open})
            self.count_refused("full")
            return False
        self.open += 1
        self._metrics.connections.set(self.open)
        return True

    def release(self) -> None:
        """Count an admitted connection out."""
        self.open -= 1
        self._metrics.connections.set(self.open)

    def count_refused(self, reason: str) -> None:
        """Count a connection that is closed before it has a request."""
        self._metrics.connections_refused.labels(reason).inc()

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Protocol]:
        if aiohttp_adapter.CONNECTION in self._missing:
            return self.server
        tracks_heads = not {aiohttp_adapter.HEAD_COUNT, aiohttp_adapter.HEAD_WAITER}.intersection(
            self._missing
        )
        kind = _GuardedConnection if tracks_heads else _CountedConnection
        return lambda: kind(self, loop)


class _CountedConnection(aiohttp_adapter.ServerConnection):
    """A connection that counts against the site's limit."""

    __slots__ = ("_admitted", "_site")

    def __init__(self, site: HttpSite, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(site.server, loop=loop, **connection_options(site.limits))
        self._site = site
        self._admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._admitted = self._site.admit()
        if self._admitted:
            super().connection_made(transport)
        else:
            tcp = cast(asyncio.WriteTransport, transport)  # uvloop's is one, and does not say so
            tcp.write(_RESPONSE_503)
            tcp.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._admitted:
            self._admitted = False
            self._site.release()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer malformed HTTP with the error body of all other responses.

        aiohttp would log the client's bytes with a traceback, as if the fault were the server's.
        """
        if _has_unknown_expectation(request):
            # aiohttp fails to repeat an expectation that is not text; no handler ran before.
            status, message = HTTPStatus.EXPECTATION_FAILED, "Expect may be 100-continue only"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or aiohttp_adapter.has_sent_output(request):
            return super().handle_error(request, status, exc, message)
        reason = (message or "").strip().partition("\n")[0][:_MAX_REASON] or "malformed HTTP"
        self._site.count_refused("bad_http")
        logger.warning(
            "malformed HTTP rejected", extra={"remote": request.remote, "reason": reason}
        )
        body = msgspec.json.encode(ErrorBody(ErrorDetail("bad_http", reason, "")))
        response = web.Response(status=status, body=body, content_type=JSON)
        response.force_close()
        return response


class _GuardedConnection(_CountedConnection):
    """A connection whose heads have a deadline and a maximum size."""

    __slots__ = ("_clock", "_deadline", "_head_bytes", "_tcp")

    def __init__(self, site: HttpSite, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(site, loop)
        self._clock = loop
        self._tcp: asyncio.WriteTransport | None = None
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._admitted:
            self._tcp = cast(asyncio.WriteTransport, transport)
            self._start_deadline()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end_head()
        self._tcp = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads = self.head_count
        super().data_received(data)
        if self.head_count != heads or not self.is_awaiting_head:
            # A head is complete, or these bytes are of the body of a request under way.
            if self._deadline is not None:
                self._end_head()
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._site.limits.head_size:
            self._give_up("head_size", _RESPONSE_431)
        elif self._deadline is None:
            self._start_deadline()

    def _start_deadline(self) -> None:
        self._deadline = self._clock.call_later(self._site.limits.head_timeout, self._time_out)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        self._give_up("head_timeout", _RESPONSE_408 if self._head_bytes else b"")

    def _give_up(self, reason: str, response: bytes) -> None:
        self._site.count_refused(reason)
        self._end_head()
        if self._tcp is not None:
            if response:
                self._tcp.write(response)
            self._tcp.close()


def _has_unknown_expectation(request: web.BaseRequest) -> bool:
    expected = request.headers.get(hdrs.EXPECT)
    return expected is not None and expected.lower() != "100-continue"

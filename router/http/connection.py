"""Connections around their requests: how many there are, how long a head and a response may take.

aiohttp limits a request once its head is complete; until then it waits. A client could open
thousands of connections and never finish a head (slow loris), or open more connections than there
are descriptors. Then none would be left for Redis. A first line with its headers therefore has a
deadline and a maximum size, and a connection above the limit is answered with 503 and closed. One
address has a limit of its own, because otherwise a single client could take all connections.

A client could also send requests and never read the responses. aiohttp waits for such a client
without end, and so does a transport that is closed while it has unsent bytes. The site therefore
checks all connections several times in ``write_timeout`` and aborts those that make no progress.
aiohttp bounds the requests that wait on one connection (``aiohttp_adapter.PIPELINE_LIMIT``).

The protocol is aiohttp's own (see ``aiohttp_adapter``), extended where bytes arrive. A head that
arrives in one piece, as heads of ordinary clients do, needs no task and no timer of its own.
"""

import asyncio
import functools
import logging
import math
import socket
from collections.abc import Callable, Collection
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Any, Final, cast

import msgspec
from aiohttp import hdrs, web

from router.datatypes import parse_address
from router.http import aiohttp_adapter
from router.http.connection_limits import ConnectionLimits, connection_options
from router.http.error_responses import (
    OTHER,
    RESPONSE_408,
    RESPONSE_431,
    RESPONSE_503,
    closing_response,
    malformed_reason,
)
from router.http.half_close import close_when_answered
from router.log_throttle import LogThrottle
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_LOG_INTERVAL: Final = 10.0
"""Seconds between two warnings about the connection limit: at the limit, each connection that ends
is replaced by a new one, and each of those would be a line."""
_BACKLOG: Final = 1024
_CHECKS: Final = 4
"""How many times in ``write_timeout`` a connection is checked for progress."""
_NETWORK_BITS: Final = 64
"""Host bits of an IPv6 address that share a limit, because a client usually has the network."""


class ListenAddress(msgspec.Struct, frozen=True):
    """The address that a server binds."""

    host: str
    port: int
    """0 for any free port."""
    inherited: int | None = None
    """Descriptor of a listening socket of the parent process, which is served instead."""


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
        self.throttle = LogThrottle(logger)
        self._metrics = metrics
        self._missing = missing
        self._next_warnings: dict[str, float] = {}
        self._guarded: set[_GuardedConnection] = set()
        self._by_address: dict[str | int, int] = {}
        self._owner = functools.lru_cache(maxsize=1024)(self._owner_of)
        self._next_check: asyncio.TimerHandle | None = None
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
        self._check(loop)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    def stop(self) -> None:
        """Accept no more connections. Idempotent; open connections stay."""
        if self._listener is not None:
            self._listener.close()

    def end(self) -> None:
        """Check connections no more. Idempotent."""
        if self._next_check is not None:
            self._next_check.cancel()
            self._next_check = None

    def admit(self, peer: str) -> bool:
        """Count a new connection; return False, and count a refusal, above a limit.

        Args:
            peer: The address of the peer; ``""`` if it has none.
        """
        owner = self._owner(peer)
        count = 0 if owner is None else self._by_address.get(owner, 0)
        if self.open >= self.limits.max_connections:
            self._refuse("full", "connection limit reached", open=self.open)
            return False
        if count >= self.limits.max_per_address:
            self._refuse(
                "address",
                "connection limit of an address reached; a proxy must be in ROUTER_TRUSTED_PROXIES",
                remote=peer,
                open=count,
            )
            return False
        if owner is not None:
            self._by_address[owner] = count + 1
        self.open += 1
        self._metrics.connections.inc()
        return True

    def release(self, peer: str) -> None:
        """Count an admitted connection out."""
        owner = self._owner(peer)
        if owner is not None:
            left = self._by_address[owner] - 1
            if left:
                self._by_address[owner] = left
            else:
                del self._by_address[owner]
        self.open -= 1
        self._metrics.connections.dec()

    def guard(self, connection: "_GuardedConnection") -> None:
        """Check from now on that a connection makes progress."""
        self._guarded.add(connection)

    def unguard(self, connection: "_GuardedConnection") -> None:
        """Check a connection no more. Idempotent."""
        self._guarded.discard(connection)

    def _owner_of(self, peer: str) -> str | int | None:
        """Return who shares a limit with ``peer``; None if it has no such limit."""
        address = parse_address(peer)
        if address is None or self.limits.proxies.contains(address):
            return None
        return int(address) >> _NETWORK_BITS if isinstance(address, IPv6Address) else str(address)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._guarded):
            connection.check_progress(now)
        self._next_check = loop.call_later(self.limits.write_timeout / _CHECKS, self._check, loop)

    def _refuse(self, reason: str, message: str, **fields: object) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_warnings.get(reason, -math.inf):
            self._next_warnings[reason] = now + _LOG_INTERVAL
            logger.warning(message, extra=fields)
        self.count_refused(reason)

    def count_refused(self, reason: str) -> None:
        """Count a connection that is closed before it has a request."""
        self._metrics.connections_refused.labels(reason).inc()

    def count_failed(self, status: int) -> None:
        """Count a request whose handler raised."""
        self._metrics.requests_refused.labels(OTHER, str(status)).inc()

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

    __slots__ = ("_admitted", "_peer", "_site")

    def __init__(self, site: HttpSite, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(site.server, loop=loop, **connection_options(site.limits))
        self._site = site
        self._admitted = False
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._admitted = self._site.admit(self._peer)
        if self._admitted:
            super().connection_made(transport)
        else:
            tcp = cast(asyncio.WriteTransport, transport)  # uvloop's is one, and does not say so
            tcp.write(RESPONSE_503)
            tcp.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._admitted:
            self._admitted = False
            self._site.release(self._peer)
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
            response = super().handle_error(request, status, exc, message)  # with a traceback
            self._site.count_failed(response.status)
            return closing_response(response.status, "internal", "the request failed; see the log")
        reason = malformed_reason(exc, message or "")
        self._site.count_refused("bad_http")
        self._site.throttle.warning(
            "malformed HTTP rejected",
            kind="bad_http",
            client=self._peer,
            fields={"remote": request.remote, "reason": reason},
        )
        return closing_response(status, "bad_http", reason)


class _GuardedConnection(_CountedConnection):
    """A connection whose heads have a deadline and a maximum size, and whose client must read."""

    __slots__ = ("_clock", "_deadline", "_head_bytes", "_progress_at", "_tcp", "_unsent")

    def __init__(self, site: HttpSite, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(site, loop)
        self._clock = loop
        self._tcp: asyncio.WriteTransport | None = None
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._progress_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._admitted:
            self._tcp = cast(asyncio.WriteTransport, transport)
            self._site.guard(self)
            self._start_deadline()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._site.unguard(self)
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
            self._give_up("head_size", RESPONSE_431)
        elif self._deadline is None:
            self._start_deadline()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether the connection stays open for the response to a complete request."""
        if self._tcp is None or self.is_awaiting_head:
            return False
        close_when_answered(self, self._tcp, self._clock)
        return True

    def resume_writing(self) -> None:
        self._unsent = 0  # the client read most of what waited
        super().resume_writing()

    def check_progress(self, now: float) -> None:
        """Abort the connection if its client has received nothing for ``write_timeout``.

        Args:
            now: Time of the event loop in seconds.
        """
        if self._tcp is None:
            return
        unsent = self._tcp.get_write_buffer_size()
        if not unsent or not self._unsent or unsent < self._unsent:
            self._unsent = unsent
            self._progress_at = now
        elif now - self._progress_at >= self._site.limits.write_timeout:
            self._site.count_refused("write_timeout")
            self._tcp.abort()

    def _start_deadline(self) -> None:
        self._deadline = self._clock.call_later(self._site.limits.head_timeout, self._time_out)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        self._give_up("head_timeout", RESPONSE_408 if self._head_bytes else b"")

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

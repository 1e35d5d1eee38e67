"""Connections, before there is a request: how many, and how long one may take to say what it wants.

aiohttp limits a request once its head is complete; until then it waits. Somebody who opens
thousands of connections and never finishes a head (slow loris), or opens more than there are
descriptors, would leave none for Redis. So a connection's first line and headers have a deadline
and a size, and over so many connections a new one is answered with 503 and closed.

The protocol is aiohttp's own, extended where bytes come in: no task, no timer for a head that
comes whole, as honest ones do.
"""

import asyncio
import logging
import math
import resource
import socket
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from aiohttp import hdrs, web

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
"""Seconds that a refused sender may go on sending before the connection is cut: long enough for it
to read the answer, too short to be held open."""
_LOG_INTERVAL: Final = 10.0
"""Seconds until it is said again that there is no room; where one goes and another comes, it would be
said each time."""
_BACKLOG: Final = 1024
_MAX_REASON: Final = 200
"""Characters of what a request that is no HTTP is answered with."""


class ListenAddress(msgspec.Struct, frozen=True):
    """Where to listen."""

    host: str
    port: int
    """0 for any free one."""
    inherited: int | None = None
    """The descriptor of a listening socket to serve instead, from a parent process."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may take. Times are seconds, sizes bytes."""

    max_connections: int
    head_timeout: float
    head_size: int
    keepalive_timeout: float


def cap_to_fd_limit(wanted: int) -> int:
    """So many connections as wanted, but no more than half of the descriptors there may be."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(soft // 2, 1))


class HttpSite(web.BaseSite):
    """Where a server listens. Its connections keep to ``limits``."""

    def __init__(
        self,
        runner: web.AppRunner,
        where: ListenAddress,
        limits: ConnectionLimits,
        metrics: Metrics,
    ) -> None:
        super().__init__(runner, backlog=_BACKLOG)
        self._where = where
        self._limits = limits
        self._metrics = metrics
        self._next_full_warning = -math.inf
        self.open = 0

    @property
    def name(self) -> str:
        return f"http://{self._where.host}:{self._where.port}"

    async def start(self) -> None:
        """Raise OSError when the address cannot be listened on."""
        await super().start()
        loop = asyncio.get_running_loop()
        where = self._where
        place: dict[str, Any] = (
            {"host": where.host, "port": where.port}
            if where.inherited is None
            else {"sock": socket.socket(fileno=where.inherited)}
        )
        self._server = await loop.create_server(
            lambda: _Connection(self, loop), backlog=_BACKLOG, **place
        )

    @property
    def limits(self) -> ConnectionLimits:
        return self._limits

    @property
    def server(self) -> web.Server:
        server = self._runner.server
        assert server is not None  # noqa: S101 - there is one from setup to cleanup
        return server

    def enter(self) -> bool:
        """Count a connection in; False when there is no room for it."""
        if self.open >= self._limits.max_connections:
            now = asyncio.get_running_loop().time()
            if now >= self._next_full_warning:
                self._next_full_warning = now + _LOG_INTERVAL
                logger.warning("connection limit reached", extra={"open": self.open})
            self.refused("full")
            return False
        self.open += 1
        self._metrics.connections.set(self.open)
        return True

    def leave(self) -> None:
        self.open -= 1
        self._metrics.connections.set(self.open)

    def refused(self, reason: str) -> None:
        self._metrics.connections_refused.labels(reason).inc()


class _Connection(web.RequestHandler):
    """aiohttp's protocol for one connection, with an eye on heads that do not end."""

    __slots__ = ("_deadline", "_entered", "_head_bytes", "_site")

    def __init__(self, site: HttpSite, loop: asyncio.AbstractEventLoop) -> None:
        options: dict[str, Any] = {
            "keepalive_timeout": site.limits.keepalive_timeout,
            "lingering_time": _LINGERING_TIME,
            "access_log": None,
            # Bodies are decompressed by ingress/body.py alone: a small one can grow to gigabytes.
            "auto_decompress": False,
        }
        super().__init__(site.server, loop=loop, **options)
        self._site = site
        self._entered = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._entered = self._site.enter()
        if self._entered:
            super().connection_made(transport)
            self._await_head()
        else:
            self._force_close = True
            tcp = cast(asyncio.WriteTransport, transport)  # uvloop's is, but does not say so
            tcp.write(_RESPONSE_503)
            tcp.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_is_complete()
        if self._entered:
            self._entered = False
            self._site.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        waiter = self._waiter
        if self._request_count != before or waiter is None or waiter.done():
            # A head came to its end, or these bytes are of a body whose request is under way.
            if self._deadline is not None:
                self._head_is_complete()
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._site.limits.head_size:
            self._give_up("head_size", _RESPONSE_431)
        elif self._deadline is None:
            self._await_head()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        # aiohttp calls it for each body that was read, and then parses nothing once more.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP in our own form.

        aiohttp would log the sender's bytes with a traceback for each, as if the fault were here.
        """
        if _expects_the_unknown(request):
            # aiohttp fails to repeat one that is not text, and no handler was asked before.
            status, message = HTTPStatus.EXPECTATION_FAILED, "Expect may be 100-continue only"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        reason = (message or "").strip().partition("\n")[0][:_MAX_REASON] or "no HTTP"
        self._site.refused("bad_http")
        logger.warning("no HTTP", extra={"remote": request.remote, "reason": reason})
        body = msgspec.json.encode(ErrorBody(ErrorDetail("bad_http", reason, "")))
        response = web.Response(status=status, body=body, content_type=JSON)
        response.force_close()
        return response

    def _await_head(self) -> None:
        self._deadline = self._loop.call_later(self._site.limits.head_timeout, self._too_slow)

    def _head_is_complete(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._give_up("head_timeout", _RESPONSE_408 if self._head_bytes else b"")

    def _give_up(self, reason: str, answer: bytes) -> None:
        self._site.refused(reason)
        self._head_is_complete()
        if self.transport is not None and answer:
            self.transport.write(answer)
        self.force_close()


def _expects_the_unknown(request: web.BaseRequest) -> bool:
    expected = request.headers.get(hdrs.EXPECT)
    return expected is not None and expected.lower() != "100-continue"

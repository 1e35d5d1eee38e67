"""The HTTP server of a process: listening, the fast path of plain requests, draining."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router.datatypes import host_in_url
from router.http import aiohttp_adapter
from router.http.aiohttp_adapter import Handler
from router.http.connection import HttpSite, ListenAddress
from router.http.connection_limits import ConnectionLimits, cap_to_fd_limit, connection_options
from router.http.error_responses import ErrorResponses
from router.http.listen_errors import listen_error
from router.metrics import Metrics
from router.settings.model import Settings

KEEPALIVE_GRACE_SECONDS: Final = 2.0
"""Wait for idle keep-alive connections at a shutdown: a request may be on its way on one."""
_POLL_SECONDS: Final = 0.02


class Address(msgspec.Struct, frozen=True):
    """The host and port that a server listens on. Its text is a URL."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{host_in_url(self.host)}:{self.port}"

    def from_here(self) -> "Address":
        """Return the address to connect to on this machine: loopback for one that stands for all."""
        return Address(_LOOPBACK.get(self.host, self.host), self.port)


_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class HttpServer:
    """A listening HTTP server. At shutdown, ``stop_accepting``, then ``drain``.

    Args:
        runner: aiohttp's runner of the application.
        site: The listening socket.
        address: The address that ``site`` is bound to.
        keepalive_grace: Seconds that ``stop_accepting`` waits for idle connections.
    """

    def __init__(
        self, runner: web.AppRunner, site: HttpSite, address: Address, *, keepalive_grace: float
    ) -> None:
        self._runner = runner
        self._site = site
        self._keepalive_grace = keepalive_grace
        self.address = address

    async def stop_accepting(self) -> None:
        """Accept no more connections; return when all have ended, or after ``keepalive_grace``.

        Requests are answered meanwhile, and each response closes its connection. ``drain`` closes
        idle connections, and a request that is on its way by then is lost; hence the wait.
        """
        self._site.stop()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._keepalive_grace
        while self._runner.server is not None and self._runner.server.connections:
            if loop.time() >= until:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def drain(self) -> None:
        """Accept no more requests, and answer those that are under way. Idempotent."""
        self._site.stop()
        await self._runner.cleanup()
        self._site.end()


async def listen(
    routes: list[web.RouteDef],
    settings: Settings,
    where: ListenAddress,
    metrics: Metrics,
    *,
    fast_paths: Iterable[str] = (),
    keepalive_grace: float = KEEPALIVE_GRACE_SECONDS,
) -> HttpServer:
    """Serve ``routes`` on an address.

    Args:
        routes: All routes of the process.
        settings: Limits of connections, heads and bodies.
        where: The address to bind.
        metrics: Counts connections and errors.
        fast_paths: Paths whose POST requests are so frequent that the search for a route would
            cost. Their handlers get requests without ``match_info``. The last one may end with
            ``*``, for all paths that have this beginning and one route.
        keepalive_grace: Seconds that ``HttpServer.stop_accepting`` waits for idle connections.

    Raises:
        ConfigurationError: The address cannot be bound.
    """
    limits = ConnectionLimits(
        max_connections=cap_to_fd_limit(settings.max_connections),
        max_per_address=cap_to_fd_limit(settings.max_connections_per_address, divisor=4),
        proxies=settings.trusted_proxies,
        head_timeout=settings.head_timeout,
        head_size=settings.max_head,
        write_timeout=settings.write_timeout,
        keepalive_timeout=settings.keepalive_timeout,
    )
    application = web.Application(client_max_size=settings.max_body)
    application.add_routes(routes)
    runner = web.AppRunner(
        application, shutdown_timeout=settings.drain_timeout, **connection_options(limits)
    )
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - there is one from setup to cleanup
    missing = await aiohttp_adapter.missing_names(server)
    if aiohttp_adapter.SERVER_HANDLER not in missing:
        handlers = {each.path: each.handler for each in routes if each.method == hdrs.METH_POST}
        fast = {path: handlers[path] for path in fast_paths if path in handlers}
        below = _PrefixHandler(fast_paths, routes)
        errors = ErrorResponses(metrics, fast, below.prefix)
        aiohttp_adapter.wrap_handler(
            server, lambda handler: _fast_path(fast, errors.wrap(handler), below)
        )
    if aiohttp_adapter.REQUEST_FACTORY not in missing:
        aiohttp_adapter.mark_unparsable_targets(server)
    site = HttpSite(server, limits, metrics, missing=missing)
    try:
        host, port = await site.start(where)
    except OSError as error:
        await runner.cleanup()
        raise listen_error(where.host, where.port, error) from None
    return HttpServer(runner, site, Address(host, port), keepalive_grace=keepalive_grace)


class _PrefixHandler:
    """The handler of the one route below the path that ends with ``*``; None if there is none."""

    def __init__(self, paths: Iterable[str], routes: Iterable[web.RouteDef]) -> None:
        prefixes = (path.removesuffix("*") for path in paths if path.endswith("*"))
        self.prefix = next(prefixes, "*")  # no path of a request begins with it
        found = (each.handler for each in routes if each.path.startswith(self.prefix))
        self.handler: Any = next(found, None)


_NO_PREFIX: Final = _PrefixHandler((), ())


def _fast_path(
    handlers: dict[str, Any], otherwise: Handler, below: _PrefixHandler = _NO_PREFIX
) -> Handler:
    """Return a handler that calls ``handlers`` directly for plain requests, else ``otherwise``."""

    def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        path = request.raw_path.partition("?")[0]
        handler = handlers.get(path)
        if handler is None and path.startswith(below.prefix):
            handler = below.handler
        if handler is None or request.method != hdrs.METH_POST or hdrs.EXPECT in request.headers:
            return otherwise(request)
        response: Awaitable[web.StreamResponse] = handler(request)
        return response

    return handle

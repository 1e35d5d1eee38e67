"""Where a process listens, and the HTTP server there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router.errors import ConfigurationError
from router.http.connection import ConnectionLimits, HttpSite, ListenAddress, cap_to_fd_limit
from router.metrics import Metrics
from router.settings.model import Settings


class Address(msgspec.Struct, frozen=True):
    """Where a process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


KEEPALIVE_GRACE_SECONDS: Final = 2.0
"""For idle keep-alive connections at a shutdown: a request may be on its way on one of them."""
_POLL_SECONDS: Final = 0.02


class HttpServer:
    """A listening HTTP server; ``stop_accepting``, then ``drain`` it.

    ``keepalive_grace`` is how long ``stop_accepting`` waits for idle connections, in seconds.
    """

    def __init__(
        self, runner: web.AppRunner, site: web.BaseSite, *, keepalive_grace: float
    ) -> None:
        self._runner = runner
        self._site = site
        self._keepalive_grace = keepalive_grace
        self.address = Address(*runner.addresses[0][:2])

    async def stop_accepting(self) -> None:
        """Take no more connections; return when those there are have ended, or soon.

        Their requests are answered meanwhile, and whoever answers closes the connection. One that
        is idle is closed at the end: a request that is on its way by then is lost, so it is given
        a moment.
        """
        await self._site.stop()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._keepalive_grace
        while self._runner.server is not None and self._runner.server.connections:
            if loop.time() >= until:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def drain(self) -> None:
        """Take no more requests, answer those that came. Idempotent."""
        await self._runner.cleanup()


_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def listen(
    routes: list[web.RouteDef],
    settings: Settings,
    where: ListenAddress,
    metrics: Metrics,
    *,
    fast_paths: Iterable[str] = (),
    keepalive_grace: float = KEEPALIVE_GRACE_SECONDS,
) -> HttpServer:
    """Listen there. Raises ConfigurationError where that cannot be.

    ``fast_paths`` are paths that are posted to so often that the search for a route would cost; their
    handlers get requests without ``match_info``.
    """
    application = web.Application(client_max_size=settings.max_body)
    application.add_routes(routes)
    runner = web.AppRunner(application, shutdown_timeout=settings.drain_timeout)
    await runner.setup()
    limits = ConnectionLimits(
        max_connections=cap_to_fd_limit(settings.max_connections),
        head_timeout=settings.head_timeout,
        head_size=settings.max_head,
        keepalive_timeout=settings.keepalive_timeout,
    )
    site = HttpSite(runner, where, limits, metrics)
    handlers = {each.path: each.handler for each in routes if each.method == hdrs.METH_POST}
    fast = {path: handlers[path] for path in fast_paths if path in handlers}
    site.server.request_handler = _fast_path(fast, site.server.request_handler)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"cannot listen on {where.host}:{where.port}:"
            f" {error.strerror or error} (set ROUTER_HOST, ROUTER_PORT or ROUTER_WORKER_PORT)"
        ) from None
    return HttpServer(runner, site, keepalive_grace=keepalive_grace)


def _fast_path(handlers: dict[str, Any], otherwise: _Handle) -> _Handle:
    """Hand plain requests to ``handlers`` directly, all others to aiohttp's way through its routes."""

    def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        handler = handlers.get(request.raw_path.partition("?")[0])
        if handler is None or request.method != hdrs.METH_POST or hdrs.EXPECT in request.headers:
            return otherwise(request)
        answer: Awaitable[web.StreamResponse] = handler(request)
        return answer

    return handle

"""Where a process listens, and the HTTP server there."""

import msgspec
from aiohttp import web

from router.connections import Bounds, Site, affordable
from router.errors import ConfigurationError
from router.settings import Settings
from router.telemetry import Metrics


class Address(msgspec.Struct, frozen=True):
    """Where a process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class Server:
    """A listening HTTP server. ``drain`` answers the requests that are under way."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self.address = Address(*runner.addresses[0][:2])

    async def drain(self) -> None:
        """Take no more requests, answer those that came. Idempotent."""
        await self._runner.cleanup()


async def listen(
    routes: list[web.RouteDef], settings: Settings, port: int, metrics: Metrics
) -> Server:
    """Listen on ``port``, 0 for any free one. Raises ConfigurationError where that cannot be."""
    application = web.Application(client_max_size=settings.max_body)
    application.add_routes(routes)
    runner = web.AppRunner(application, shutdown_timeout=settings.drain_timeout)
    await runner.setup()
    bounds = Bounds(
        most=affordable(settings.max_connections),
        head_timeout=settings.head_timeout,
        head_size=settings.max_head,
        keepalive_timeout=settings.keepalive_timeout,
    )
    site = Site(runner, settings.host, port, bounds, metrics)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"cannot listen on {settings.host}:{port}:"
            f" {error.strerror or error} (set ROUTER_HOST, ROUTER_PORT or ROUTER_WORKER_PORT)"
        ) from None
    return Server(runner)

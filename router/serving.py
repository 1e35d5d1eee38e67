"""Where a process listens, and the HTTP server there."""

import msgspec
from aiohttp import web

from router.errors import ConfigurationError
from router.settings import Settings


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


async def listen(routes: list[web.RouteDef], settings: Settings, port: int) -> Server:
    """Listen on ``port``, 0 for any free one. Raises ConfigurationError where that cannot be."""
    application = web.Application(client_max_size=settings.max_body)
    application.add_routes(routes)
    # Bodies are decompressed by nobody: a small one can grow to gigabytes.
    runner = web.AppRunner(
        application,
        auto_decompress=False,
        # How long a refused sender may go on sending before the connection is cut: long
        # enough for it to read the answer, too short to be held open.
        lingering_time=2.0,
        access_log=None,
        shutdown_timeout=settings.drain_timeout,
    )
    await runner.setup()
    site = web.TCPSite(runner, settings.host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"cannot listen on {settings.host}:{port}:"
            f" {error.strerror or error} (set ROUTER_HOST, ROUTER_PORT or ROUTER_WORKER_PORT)"
        ) from None
    return Server(runner)

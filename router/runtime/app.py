"""One process: built from its roles, served until a signal, then drained.

A shutdown first stops accepting connections, then waits for requests, then for jobs, and then closes
the connections to Redis.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.http.server import KEEPALIVE_GRACE_SECONDS, Address, HttpServer, listen
from router.ingress.endpoints import FAST_PATHS
from router.journal import arq_adapter, schema
from router.metrics import Metrics
from router.runtime import exposure
from router.runtime.app_parts import build_parts
from router.runtime.app_routes import Port, build_ports
from router.runtime.roles import Background, Roles
from router.settings.model import Settings
from router.sources.spec import PREFIX

logger = logging.getLogger(__name__)


class App:
    """One process. Build it, then ``serve``.

    Args:
        settings: The settings.
        roles: What the process does, and where it listens.
        metrics: The metrics that it shows.
        clock: Time and chance.
        keepalive_grace: How long a shutdown waits for idle connections, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        metrics: Metrics,
        clock: Clock,
        *,
        keepalive_grace: float = KEEPALIVE_GRACE_SECONDS,
    ) -> None:
        self._parts = build_parts(settings, roles, metrics, clock)
        self._keepalive_grace = keepalive_grace

    def reload(self) -> None:
        """Request a reload of the rules folder; it runs in the background."""
        if self._parts.folder is None:
            logger.info("nothing to reload: this process uses no rules folder")
        else:
            self._parts.folder.reloader.request_reload()

    async def serve(self, stop: asyncio.Event, ready: Callable[[Address], None]) -> None:
        """Run until ``stop`` is set, then drain.

        Args:
            stop: Set by the caller to end the process.
            ready: Called with the address once the process listens.

        Raises:
            ConfigurationError: Redis may lose events and the settings do not accept that, a
                destination cannot be opened, or the address cannot be listened on.
        """
        parts = self._parts
        _check_arq()
        parts.metrics.start_time.set(parts.clock.now())
        exposure.warn(parts.settings, parts.roles)
        ports, background = build_ports(parts)
        try:
            if parts.roles.traces is not None:
                parts.roles.traces.open()
            await parts.admission.check_store()
            await parts.redis_clock.try_to_measure()
            await self._check_schema()
            if parts.worker is not None:
                await parts.worker.open()
            await self._run(ports, background, stop, ready)
        finally:
            for _, coroutine in background:
                coroutine.close()
            if parts.worker is not None:
                await parts.worker.close()
            await parts.redis.close()
            if parts.roles.traces is not None:
                await parts.roles.traces.close()

    async def _check_schema(self) -> None:
        """Refuse a Redis that a newer router has written to. Raises ConfigurationError."""
        with contextlib.suppress(JournalUnavailableError):  # checked later, in the background
            await schema.check_version(self._parts.redis.ingress)

    async def _run(
        self,
        ports: Sequence[Port],
        background: Sequence[Background],
        stop: asyncio.Event,
        ready: Callable[[Address], None],
    ) -> None:
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            tasks = [group.create_task(coroutine, name=name) for name, coroutine in background]
            servers: list[HttpServer] = []
            for port in reversed(ports):  # that of senders last, when all is ready
                server = await listen(
                    port.routes,
                    self._parts.settings,
                    port.address,
                    self._parts.metrics,
                    fast_paths=(*FAST_PATHS, f"{PREFIX}*"),
                    keepalive_grace=self._keepalive_grace,
                )
                stack.push_async_callback(server.drain)
                servers.insert(0, server)
            for server in servers[1:]:
                logger.info("operations port listening", extra={"url": str(server.address)})
            ready(servers[0].address)
            await stop.wait()
            # The operations port serves until the end: it shows how the process drains.
            await self._drain(servers[0])
            for task in tasks:
                task.cancel()

    async def _drain(self, server: HttpServer) -> None:
        parts = self._parts
        logger.info("draining")
        parts.admission.draining = True
        parts.console.hub.close()
        if parts.worker is not None:
            parts.worker.stop_attempts()
        await server.stop_accepting()
        await server.drain()
        if parts.worker is not None:
            await parts.worker.drain()
        await parts.source_record.flush()
        await parts.series.flush()


def _check_arq() -> None:
    """Log one warning if arq's own tools cannot read the queues; the process runs without them."""
    problems = arq_adapter.problems(arq_adapter.ARQ)
    if problems:
        logger.warning(
            "arq differs from the supported version; its tools may not read the queues",
            extra={"supported": arq_adapter.READ_IN, "problems": problems},
        )

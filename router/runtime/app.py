"""One process: put together from its parts, served until it is told to stop, then drained.

First the door closes, then requests end, then jobs, then connections.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from router.api.reload import ReloadApi
from router.api.silences import SilencesApi
from router.clock import Clock, system_clock
from router.http.connection import ListenAddress
from router.http.health import HealthEndpoints
from router.http.openapi_endpoint import OpenApiEndpoint
from router.http.server import KEEPALIVE_GRACE_SECONDS, Address, HttpServer, listen
from router.ingress.admission import AdmissionControl
from router.ingress.endpoints import FAST_PATHS
from router.journal import redis_health as store
from router.journal.connection import connect
from router.journal.silences import Silences
from router.metrics import Metrics
from router.runtime.build import (
    OPERATIONS,
    Background,
    StreamSource,
    Worker,
    WorkerConfig,
    wire_doors,
    wire_intake,
    wire_operators,
    wire_stream,
)
from router.settings.model import Durability, Settings

__all__ = ["Address", "App", "Roles", "StreamSource", "WorkerConfig", "system_clock"]

logger = logging.getLogger(__name__)

_INGRESS_CONNECTIONS: Final = 8
_WORKER_CONNECTIONS: Final = 64
_WORKER_DEADLINE: Final = 5.0


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does, and where it listens."""

    port: int
    """0 for any free one."""
    inherited_socket: int | None = None
    """The descriptor of a listening socket to serve instead, from a parent process."""
    ingress: bool = False
    stream: StreamSource | None = None
    """What it reads events from, beside the doors."""
    work: WorkerConfig | None = None
    """What it evaluates and delivers; None for nothing."""


class App:
    """One process. Build it, then ``serve``.

    ``keepalive_grace`` is how long a shutdown waits for idle connections, in seconds.
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
        self._settings = settings
        self._roles = roles
        self._metrics = metrics
        self._clock = clock
        self._keepalive_grace = keepalive_grace
        # Ingress waits for Redis no longer than its sender may be kept waiting; workers can.
        self._fast = connect(
            settings.redis_url,
            deadline=settings.commit_timeout,
            max_connections=_INGRESS_CONNECTIONS,
        )
        self._patient = connect(
            settings.redis_url, deadline=_WORKER_DEADLINE, max_connections=_WORKER_CONNECTIONS
        )
        self._listening = ListenAddress(settings.host, roles.port, roles.inherited_socket)
        self._gate = AdmissionControl(self._fast, strict=settings.durability is Durability.STRICT)
        self._worker = (
            None
            if roles.work is None
            else Worker(settings, roles.work, self._patient, metrics, clock)
        )

    def reload(self) -> None:
        """Read the rules folder again, soon."""
        if self._worker is None:
            logger.info("nothing to reload: this process uses no rules")
        else:
            self._worker.reloader.request_reload()

    async def serve(self, stop: asyncio.Event, ready: Callable[[Address], None]) -> None:
        """Run until ``stop`` is set, then drain. ``ready`` is told where the process listens.

        Raises ConfigurationError when Redis may lose events and that is not accepted.
        """
        routes = self._operators_routes()
        background: list[Background] = [("gate", self._gate.watch())]
        if self._roles.ingress or self._roles.stream is not None:
            more_routes, more_background = self._intake(self._roles.stream)
            routes += more_routes
            background += more_background
        if self._worker is not None:
            background += self._worker.background
        routes += OpenApiEndpoint(routes, OPERATIONS, self._settings.public_url).routes()
        try:
            await self._gate.check_store()
            if self._worker is not None:
                await self._worker.open()
            await self._run(routes, background, stop, ready)
        finally:
            for _, work in background:
                work.close()
            if self._worker is not None:
                await self._worker.close()
            await self._fast.close()
            await self._patient.close()

    def _intake(self, stream: StreamSource | None) -> tuple[list[web.RouteDef], list[Background]]:
        settings = self._settings
        intake, commit = wire_intake(settings, self._fast, self._gate, self._metrics, self._clock)
        routes = wire_doors(settings, self._fast, intake) if self._roles.ingress else []
        if stream is None:
            return routes, [commit]
        return routes, [commit, wire_stream(settings, self._patient, intake, stream)]

    def _operators_routes(self) -> list[web.RouteDef]:
        status = HealthEndpoints(
            self._metrics,
            not_ready_reason=self._gate.not_ready_reason,
            update_gauges=self._observe,
            details=self._rules_report,
        )
        reload = None
        if self._worker is not None:
            reload = functools.partial(self._worker.reloader.reload, "request")
        token = self._settings.admin_token
        stored = wire_operators(self._patient, self._destination_names, self._clock, token)
        silences = SilencesApi(Silences(self._fast, self._clock), token, self._clock.now)
        reloads = ReloadApi(reload, token)
        return status.routes() + reloads.routes() + stored + silences.routes()

    def _destination_names(self) -> Iterable[str]:
        return () if self._worker is None else self._worker.destination_names

    def _rules_report(self) -> Mapping[str, Any]:
        if self._worker is None:
            return {}
        report = self._worker.reloader.report
        shown: dict[str, Any] = {
            "generation": report.generation,
            "rules": report.rules,
            "destinations": report.destinations,
        }
        return {"rules": {**shown, "error": report.error} if report.error else shown}

    async def _run(
        self,
        routes: list[web.RouteDef],
        background: list[Background],
        stop: asyncio.Event,
        ready: Callable[[Address], None],
    ) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in background]
            server = await listen(
                routes,
                self._settings,
                self._listening,
                self._metrics,
                fast_paths=FAST_PATHS,
                keepalive_grace=self._keepalive_grace,
            )
            ready(server.address)
            try:
                await stop.wait()
                await self._drain(server)
            finally:
                await server.drain()
            for task in tasks:
                task.cancel()

    async def _drain(self, server: HttpServer) -> None:
        logger.info("draining")
        self._gate.draining = True
        if self._worker is not None:
            self._worker.stop_attempts()
        await server.stop_accepting()
        await server.drain()
        if self._worker is not None:
            await self._worker.drain()

    async def _observe(self) -> None:
        await store.update_gauges(self._fast, self._metrics, self._clock.now)

"""One process: built from its roles, served until a signal, then drained.

It listens on one port or on two: then one serves senders and recipients of alerts, the other
operators, Prometheus and probes, so that a firewall can separate them.

A shutdown first stops accepting connections, then waits for requests, then for jobs, and then closes
the connections to Redis.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from aiohttp import web

from router.api.access import Access
from router.api.alert_messages import AlertMessagesApi
from router.api.playground import Playground, PlaygroundApi
from router.api.playground_pool import PlaygroundPool
from router.api.source_list import SourcesApi
from router.api.source_reading import SourceReader
from router.clock import Clock
from router.errors import JournalUnavailableError
from router.events.masks import Masks
from router.http.connection import ListenAddress
from router.http.openapi_endpoint import OpenApiEndpoint
from router.http.server import KEEPALIVE_GRACE_SECONDS, Address, HttpServer, listen
from router.ingress.admission import AdmissionControl
from router.ingress.endpoints import FAST_PATHS
from router.ingress.source_operations import SourceOperations
from router.ingress.source_record import SourceRecord
from router.journal import arq_adapter, schema
from router.journal.access_rights import ACCEPT_RIGHTS, WORKER_RIGHTS
from router.journal.audit import Audit
from router.journal.connection import connect, locator_of, pair
from router.journal.history_log import HistoryLimits
from router.journal.primary_watch import PrimaryWatch
from router.journal.redis_clock import RedisClock
from router.journal.source_log import SourceLog
from router.journal.store_check import StoreProbe
from router.journal.store_watch import StoreWatch
from router.metrics import Metrics
from router.runtime import build_api, build_ingress, exposure
from router.runtime.build_console import build_console
from router.runtime.build_worker import alert_limits, build_worker
from router.runtime.roles import Background, Roles, StreamSource
from router.runtime.used_folder import UsedFolder, sources_folder
from router.settings.choices import Durability
from router.settings.model import Settings
from router.sources.spec import PREFIX, SourceSpec
from router.worker.series import SeriesRecorder

logger = logging.getLogger(__name__)

_INGRESS_CONNECTIONS: Final = 8
_WORKER_CONNECTIONS: Final = 64
_WORKER_DEADLINE: Final = 5.0


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
        self._settings = settings
        self._roles = roles
        self._metrics = metrics
        self._keepalive_grace = keepalive_grace
        self._access = Access(settings)
        self._playground = PlaygroundPool(
            None if roles.worker is None else roles.worker.source.folder
        )
        # Two pools, because a sender waits for ingress, whose deadline is therefore short. Workers
        # can wait.
        self._locator = locator = locator_of(settings.redis_url)
        self._ingress_redis = connect(
            settings.redis_url,
            deadline=settings.commit_timeout,
            max_connections=_INGRESS_CONNECTIONS,
            locator=locator,
        )
        self._worker_redis = connect(
            settings.redis_url,
            deadline=_WORKER_DEADLINE,
            max_connections=_WORKER_CONNECTIONS,
            locator=locator,
        )
        pair(self._ingress_redis, self._worker_redis)
        self._redis_clock = RedisClock(self._worker_redis, clock, metrics)
        # Redis's time, so that no decision compares the clocks of two machines.
        self._clock = msgspec.structs.replace(clock, now=self._redis_clock.now)
        self._address = ListenAddress(settings.host, roles.port, roles.inherited_socket)
        self._watch = StoreWatch(metrics)
        rights = ACCEPT_RIGHTS if roles.worker is None else WORKER_RIGHTS
        self._operations_address = (
            None
            if roles.operations_port is None
            else ListenAddress(
                settings.operations_host or settings.host,
                roles.operations_port,
                roles.inherited_operations_socket,
            )
        )
        self._admission = AdmissionControl(
            self._ingress_redis,
            StoreProbe(
                self._ingress_redis, clock.new_id, rights, build_ingress.confirmation(settings)
            ),
            self._watch,
            strict=settings.durability is Durability.STRICT,
        )
        self._series = SeriesRecorder(self._worker_redis, metrics, self._clock)
        self._source_record = SourceRecord(SourceLog(self._worker_redis, self._clock), self._clock)
        self._source_operations = SourceOperations(self._sources_of_folder)
        self._sources = SourceReader(
            self._worker_redis,
            self._clock,
            settings,
            self._sources_of_folder,
            receives=roles.ingress,
        )
        self._worker = (
            None
            if roles.worker is None
            else build_worker(
                settings,
                roles.worker,
                self._worker_redis,
                metrics,
                self._clock,
                tracer=None if roles.traces is None else roles.traces.tracer,
            )
        )

        self._folder = self._used_folder(roles)
        self._quarantine = build_api.build_quarantine(
            settings, self._worker_redis, self._clock, self._sources_of_folder
        )
        self._console = build_console(
            settings,
            self._worker_redis,
            self._clock,
            self._access,
            refusal=self._admission.not_ready_reason,
            reloader=None if self._worker is None else self._worker.reloader,
            configuration=None if self._worker is None else self._worker.switch.configuration,
            playground=Playground(self._playground, self._clock),
            worker=roles.worker,
            sources=self._sources,
            quarantine=self._quarantine,
        )

    def _used_folder(self, roles: Roles) -> UsedFolder | None:
        """Return the rules folder that the process uses; None for none."""
        if self._worker is not None:
            switch = self._worker.switch
            return UsedFolder(self._worker.reloader, switch.configuration, is_watched=True)
        if roles.sources is None:
            return None
        return sources_folder(roles.sources, self._metrics, self._clock)

    def _sources_of_folder(self) -> Sequence[SourceSpec]:
        return () if self._folder is None else self._folder.configuration().sources

    def reload(self) -> None:
        """Request a reload of the rules folder; it runs in the background."""
        if self._folder is None:
            logger.info("nothing to reload: this process uses no rules folder")
        else:
            self._folder.reloader.request_reload()

    async def serve(self, stop: asyncio.Event, ready: Callable[[Address], None]) -> None:
        """Run until ``stop`` is set, then drain.

        Args:
            stop: Set by the caller to end the process.
            ready: Called with the address once the process listens.

        Raises:
            ConfigurationError: Redis may lose events and the settings do not accept that, a
                destination cannot be opened, or the address cannot be listened on.
        """
        _check_arq()
        self._metrics.start_time.set(self._clock.now())
        exposure.warn(self._settings, self._roles)
        ports, background = self._build()
        try:
            if self._roles.traces is not None:
                self._roles.traces.open()
            await self._admission.check_store()
            await self._redis_clock.try_to_measure()
            await self._check_schema()
            if self._worker is not None:
                await self._worker.open()
            await self._run(ports, background, stop, ready)
        finally:
            for _, coroutine in background:
                coroutine.close()
            if self._worker is not None:
                await self._worker.close()
            await self._ingress_redis.close()
            await self._worker_redis.close()
            if self._roles.traces is not None:
                await self._roles.traces.close()

    async def _check_schema(self) -> None:
        """Refuse a Redis that a newer router has written to. Raises ConfigurationError."""
        with contextlib.suppress(JournalUnavailableError):  # checked later, in the background
            await schema.check_version(self._ingress_redis)

    def _build(self) -> tuple[list[tuple[ListenAddress, list[web.RouteDef]]], list[Background]]:
        """Return each address with its routes, that of senders first, and the tasks."""
        worker = self._worker
        health = build_api.build_health(
            build_api.store_gauges(
                self._ingress_redis,
                self._metrics,
                self._clock,
                alert_limits(self._settings),
            ),
            self._admission,
            None if worker is None else worker.reloader,
            self._metrics,
            self._may_see_all,
        )
        background: list[Background] = [
            ("admission", self._admission.watch()),
            ("clock", self._redis_clock.run()),
            ("schema", schema.check_version_later(self._ingress_redis)),
            ("playground", self._playground.run()),
            ("series", self._series.run()),
        ]
        if self._locator is not None:
            watch = PrimaryWatch(self._locator, self._ingress_redis, self._clock.chance)
            background.append(("primary", watch.run()))
        public: list[web.RouteDef] = []
        operations = [*health.routes(), *self._api_routes()]
        background.append(("console", self._console.hub.run()))
        if self._roles.ingress or self._roles.stream is not None:
            public, tests, more_background = self._intake(self._roles.stream)
            operations += tests
            background += more_background
        if self._folder is not None:
            background += self._folder.background()
        if self._worker is not None:
            background += self._worker.background()
        all_routes = operations + public
        description = OpenApiEndpoint(
            all_routes,
            build_api.OPERATIONS,
            self._settings.public_url,
            self._source_operations.current if self._roles.ingress else tuple,
        ).routes()
        # Pages for people, which the description of the API leaves out.
        pages = self._console.routes
        if self._operations_address is None:
            return [(self._address, all_routes + description + pages)], background
        ports = [
            (self._address, public + health.public_routes()),
            (self._operations_address, operations + description + pages),
        ]
        return ports, background

    def _may_see_all(self, request: web.Request) -> bool:
        if self._operations_address is not None or not self._roles.ingress:
            return True
        return self._access.caller(request) is not None

    def _intake(
        self, stream: StreamSource | None
    ) -> tuple[list[web.RouteDef], list[web.RouteDef], list[Background]]:
        settings = self._settings
        intake, tasks = build_ingress.build_intake(
            settings,
            self._ingress_redis,
            self._admission,
            self._source_record,
            self._metrics,
            self._clock,
        )
        intake = build_ingress.traced(intake, self._roles.traces)
        public: list[web.RouteDef] = []
        operations: list[web.RouteDef] = []
        if self._roles.ingress:
            public, operations = build_ingress.build_ingress_routes(
                settings, self._ingress_redis, intake, self._access, self._sources_of_folder
            )
        if stream is None:
            return public, operations, tasks
        reader = build_ingress.build_stream_reader(settings, self._worker_redis, intake, stream)
        return public, operations, [*tasks, reader]

    def _api_routes(self) -> list[web.RouteDef]:
        worker = self._worker
        reloader = None if self._folder is None else self._folder.reloader
        names = frozenset if worker is None else worker.switch.destination_names
        rules = None if worker is None else worker.switch.rules
        access = self._access
        masks = Masks(self._settings.masked_fields)
        active = None if worker is None else worker.switch.configuration
        messages = build_api.build_alert_messages(self._settings, self._clock, masks, active)
        return [
            *build_api.build_reload_routes(
                reloader, access, Audit(self._worker_redis, self._clock)
            ),
            *build_api.build_operator_routes(
                self._worker_redis, names, self._clock, access, masks, self._quarantine
            ),
            *build_api.build_history_routes(self._worker_redis, self._clock, access, masks, active),
            *build_api.build_discard_routes(
                self._worker_redis,
                names,
                self._clock,
                access,
                HistoryLimits(
                    age_seconds=self._settings.history, share=self._settings.history_memory
                ),
            ),
            *build_api.build_silence_routes(self._ingress_redis, self._clock, access, rules),
            *PlaygroundApi(Playground(self._playground, self._clock), access).routes(),
            *AlertMessagesApi(self._worker_redis, messages, access).routes(),
            *SourcesApi(self._sources, access).routes(),
            *build_api.build_rule_routes(
                self._worker_redis, self._clock, access, masks, rules, active
            ),
        ]

    async def _run(
        self,
        ports: list[tuple[ListenAddress, list[web.RouteDef]]],
        background: list[Background],
        stop: asyncio.Event,
        ready: Callable[[Address], None],
    ) -> None:
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            tasks = [group.create_task(coroutine, name=name) for name, coroutine in background]
            servers: list[HttpServer] = []
            for address, routes in reversed(ports):  # that of senders last, when all is ready
                server = await listen(
                    routes,
                    self._settings,
                    address,
                    self._metrics,
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
        logger.info("draining")
        self._admission.draining = True
        self._console.hub.close()
        if self._worker is not None:
            self._worker.stop_attempts()
        await server.stop_accepting()
        await server.drain()
        if self._worker is not None:
            await self._worker.drain()
        await self._source_record.flush()
        await self._series.flush()


def _check_arq() -> None:
    """Log one warning if arq's own tools cannot read the queues; the process runs without them."""
    problems = arq_adapter.problems(arq_adapter.ARQ)
    if problems:
        logger.warning(
            "arq differs from the supported version; its tools may not read the queues",
            extra={"supported": arq_adapter.READ_IN, "problems": problems},
        )

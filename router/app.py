"""The composition root: builds the stages in the order in which an event meets them.

Nobody else constructs. ``serve`` runs until it is told to stop, then drains: first the door
closes, then requests end, then jobs, then connections.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, NoReturn

import msgspec
from aiohttp import web

from router.api.twilio_tests import TwilioTests
from router.clock import Clock
from router.configuration import DestinationSpec
from router.destinations import Destination, Environment, kinds
from router.destinations.capture import (
    CaptureConfig,
    CaptureDestination,
    OnCapture,
    instead_of,
)
from router.errors import ConfigurationError, JournalUnavailableError
from router.ingress.commit import event_commit
from router.ingress.gate import Gate
from router.ingress.http import Ingress
from router.journal import jobs, keys, store
from router.journal.batches import Batches
from router.journal.connection import connect
from router.journal.deliveries import Deliveries
from router.journal.keys import BatchId, SetId
from router.journal.sink_tests import SinkTests
from router.journal.sweeper import Sweeper
from router.rules.index import RuleSet
from router.settings import Durability, Settings
from router.status import Status
from router.telemetry import Metrics
from router.worker import settle
from router.worker.deliver import Deliver
from router.worker.evaluate import Evaluate
from router.worker.queue_worker import Job
from router.worker.supervisor import Supervisor

logger = logging.getLogger(__name__)

_INGRESS_CONNECTIONS: Final = 8
_WORKER_CONNECTIONS: Final = 64
_WORKER_DEADLINE: Final = 5.0
_EVALUATE_SECONDS: Final = 20.0
_EVALUATE_JOBS: Final = 4
_DELIVER_JOBS: Final = 8
_DELIVER_SLICE: Final = 10.0
_POLL_DELAY: Final = 5.0
_SWEEP_EVERY: Final = 30.0
_MARGIN: Final = 5.0

Background = tuple[str, Coroutine[Any, Any, NoReturn]]


def system_clock() -> Clock:
    """The real time and chance."""
    return Clock(
        now=time.time,  # noqa: TID251 - the one place that reads the clock
        monotonic=time.monotonic,
        chance=random.random,
        new_id=lambda: secrets.token_hex(12),
    )


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does, and where it listens."""

    port: int
    """0 for any free one."""
    ingress: bool = False
    rules: RuleSet | None = None
    """The rules that it evaluates; None when it does not evaluate."""
    destinations: tuple[Destination, ...] = ()
    """Where it delivers to."""


def make_destinations(
    specs: Iterable[DestinationSpec],
    environment: Environment,
    *,
    on_capture: OnCapture | None = None,
) -> tuple[Destination, ...]:
    """The destinations as configured; those without their credentials capture instead.

    Only a configuration that was loaded with missing variables kept has such.
    """
    made: list[Destination] = []
    for spec in specs:
        if spec.config is None:
            made.append(CaptureDestination(spec.name, CaptureConfig(), environment))
            continue
        destination = kinds.build(spec.name, spec.config, environment)
        if spec.missing_variables or isinstance(destination, CaptureDestination):
            destination = instead_of(destination, environment, on_capture)
        made.append(destination)
    return tuple(made)


class Address(msgspec.Struct, frozen=True):
    """Where a process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class App:
    """One process. Build it, then ``serve``."""

    def __init__(self, settings: Settings, roles: Roles, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._roles = roles
        self._metrics = metrics
        self._clock = clock
        # Ingress waits for Redis no longer than its sender may be kept waiting; workers can.
        self._fast = connect(
            settings.redis_url,
            deadline=settings.commit_timeout,
            max_connections=_INGRESS_CONNECTIONS,
        )
        self._patient = connect(
            settings.redis_url, deadline=_WORKER_DEADLINE, max_connections=_WORKER_CONNECTIONS
        )
        self._gate = Gate(self._fast, strict=settings.durability is Durability.STRICT)
        self._delivers: list[Deliver] = []
        self._supervisor: Supervisor | None = None

    async def serve(self, stop: asyncio.Event, ready: Callable[[Address], None]) -> None:
        """Run until ``stop`` is set, then drain. ``ready`` is told where the process listens.

        Raises ConfigurationError when Redis may lose events and that is not accepted.
        """
        status = Status(self._metrics, obstacle=self._gate.obstacle, observe=self._observe)
        routes = status.routes()
        background: list[Background] = [("gate", self._gate.watch())]
        if self._roles.ingress:
            more_routes, more_background = self._build_ingress()
            routes += more_routes
            background += more_background
        if self._roles.rules is not None or self._roles.destinations:
            background += self._build_worker()
        try:
            await self._gate.check_store()
            await self._run(routes, background, stop, ready)
        finally:
            for _, work in background:
                work.close()
            for destination in self._roles.destinations:
                await destination.close()
            await self._fast.close()
            await self._patient.close()

    def _build_ingress(self) -> tuple[list[web.RouteDef], list[Background]]:
        settings = self._settings
        commit = event_commit(
            Batches(self._fast, self._clock),
            self._metrics,
            interval=settings.commit_interval,
            max_waiting=settings.max_waiting_events,
            monotonic=self._clock.monotonic,
        )
        sink_tests = SinkTests(self._fast)
        ingress = Ingress(settings, commit, self._gate, sink_tests, self._metrics, self._clock)
        routes = ingress.routes() + TwilioTests(sink_tests, settings.console_token).routes()
        return routes, [("commit", commit.run())]

    def _build_worker(self) -> list[Background]:
        deliveries = Deliveries(self._patient, self._clock)
        settler = settle.settler(deliveries, self._clock)
        work: list[Job] = []
        if self._roles.rules is not None:
            work.append(self._evaluate_job(self._roles.rules))
        for destination in self._roles.destinations:
            deliver = Deliver(
                destination,
                deliveries,
                settler,
                self._metrics,
                self._clock,
                slice_seconds=_DELIVER_SLICE,
            )
            self._delivers.append(deliver)
            work.append(_deliver_job(destination, deliver))
        self._supervisor = Supervisor(
            self._patient,
            work,
            self._metrics,
            self._clock,
            lease=self._settings.lease,
            poll_delay=_POLL_DELAY,
        )
        names = [destination.name for destination in self._roles.destinations]
        sweeper = Sweeper(self._patient, names, self._clock)
        return [
            ("settle", settler.run()),
            ("supervisor", self._supervisor.run()),
            ("sweeper", self._sweep(sweeper)),
        ]

    def _evaluate_job(self, rules: RuleSet) -> Job:
        self._metrics.rules_loaded.set(len(rules.rules))
        self._metrics.rules_last_reload_successful.set(1)
        evaluate = Evaluate(
            Batches(self._patient, self._clock),
            rules,
            self._metrics,
            self._clock,
            dedup_window=self._settings.dedup_window,
        )
        return Job(
            queue=keys.EVALUATE_QUEUE,
            function=jobs.EVALUATE,
            run=lambda job_id: evaluate.run(BatchId(job_id)),
            max_jobs=_EVALUATE_JOBS,
            limit_seconds=_EVALUATE_SECONDS,
        )

    async def _run(
        self,
        routes: list[web.RouteDef],
        background: list[Background],
        stop: asyncio.Event,
        ready: Callable[[Address], None],
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for destination in self._roles.destinations:
                await destination.open()
            tasks = [group.create_task(work, name=name) for name, work in background]
            runner = await self._listen(routes, ready)
            try:
                await stop.wait()
                await self._drain(runner)
            finally:
                await runner.cleanup()
            for task in tasks:
                task.cancel()

    async def _listen(
        self, routes: list[web.RouteDef], ready: Callable[[Address], None]
    ) -> web.AppRunner:
        application = web.Application(client_max_size=self._settings.max_body)
        application.add_routes(routes)
        # Bodies are decompressed by nobody: a small one can grow to gigabytes.
        runner = web.AppRunner(
            application,
            auto_decompress=False,
            # How long a refused sender may go on sending before the connection is cut: long
            # enough for it to read the answer, too short to be held open.
            lingering_time=2.0,
            access_log=None,
            shutdown_timeout=self._settings.drain_timeout,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._settings.host, self._roles.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"cannot listen on {self._settings.host}:{self._roles.port}:"
                f" {error.strerror or error} (set ROUTER_HOST, ROUTER_PORT or ROUTER_WORKER_PORT)"
            ) from None
        ready(Address(*runner.addresses[0][:2]))
        return runner

    async def _drain(self, runner: web.AppRunner) -> None:
        logger.info("draining")
        self._gate.draining = True
        for deliver in self._delivers:
            deliver.draining = True
        await runner.cleanup()  # answers the requests that are under way
        if self._supervisor is not None:
            await self._supervisor.drain(self._settings.drain_timeout)

    async def _observe(self) -> None:
        await store.observe(self._fast, self._metrics, self._clock.now)

    async def _sweep(self, sweeper: Sweeper) -> NoReturn:
        while True:
            try:
                again = await sweeper.sweep()
            except JournalUnavailableError as error:
                logger.warning("sweep failed", extra={"reason": str(error)})
            else:
                self._metrics.jobs_requeued.inc(again)
                if again:
                    logger.warning("open work had lost its job", extra={"count": again})
            # Spread: the sweepers of a fleet that was started together do not run together.
            await asyncio.sleep(_SWEEP_EVERY * (0.5 + self._clock.chance()))


def _deliver_job(destination: Destination, deliver: Deliver) -> Job:
    return Job(
        queue=keys.deliver_queue(destination.name),
        function=jobs.DELIVER,
        run=lambda job_id: deliver.run(SetId(job_id)),
        max_jobs=_DELIVER_JOBS,
        limit_seconds=_DELIVER_SLICE + destination.config.timeout + settle.PATIENCE + _MARGIN,
    )

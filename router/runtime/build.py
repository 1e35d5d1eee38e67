"""Stages built in the order in which an event meets them; nobody else constructs.

Two parts: what takes events in, and what evaluates and delivers. ``app`` puts a process together
from them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, NoReturn

import msgspec
from aiohttp import web

from router.api import alert_page as acknowledging
from router.api import reload as reloads
from router.api import twilio_tests
from router.api.alert_page import AlertPages
from router.api.dead_letters import DeadLettersApi
from router.api.destinations import DestinationsApi
from router.api.quarantine import QuarantineApi
from router.api.signed_links import link_signer
from router.api.twilio_tests import TwilioTestsApi
from router.clock import Clock
from router.configuration.load import (
    ConfigurationSource,
)
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.configuration.reload import Reloader
from router.datatypes import Secret
from router.destinations.capture import OnCapture
from router.destinations.contract import Destination, Environment
from router.destinations.spec import (
    DestinationSpec,
    make_destination,
)
from router.errors import JournalUnavailableError
from router.http import health as status
from router.ingress import openapi as described
from router.ingress.admission import AdmissionControl
from router.ingress.commit import EventCommit
from router.ingress.endpoints import Ingress
from router.ingress.kinesis.consumer import consume
from router.ingress.kinesis.reader import Intake
from router.ingress.kinesis.stream import KinesisStream
from router.journal import jobs, keys
from router.journal.acknowledgements import Acknowledgements
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.dead_letters import DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.destination_store import RedisDestinationStore
from router.journal.finish import Finish
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.pauses import Pauses
from router.journal.quarantine import Quarantine
from router.journal.rate_limits import LOOKAHEAD
from router.journal.rule_state import States
from router.journal.silences import Silences
from router.journal.sweeper import Sweeper
from router.journal.timers import Timers
from router.journal.twilio_tests import SinkTests
from router.metrics import Metrics
from router.settings.model import Settings
from router.worker.delivery import settlement as settle
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.delivery_job import SLICE, DeliveryJob, DeliveryJournal
from router.worker.delivery.orphans import OrphanReaper
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.rate_limiter import RateLimiter
from router.worker.delivery.registry import (
    ActiveDestination,
    DestinationPool,
)
from router.worker.evaluation.batch_job import BatchJob
from router.worker.evaluation.silence_cache import SilenceCache
from router.worker.evaluation.timer_job import Journal as TimerJournal
from router.worker.evaluation.timer_job import TimerJob
from router.worker.queue.poison import PoisonDetector
from router.worker.queue.queue_worker import QueueSpec
from router.worker.queue.supervisor import Supervisor

logger = logging.getLogger(__name__)

_EVALUATE_SECONDS: Final = 20.0
_DELIVER_JOBS: Final = 8
_POLL_DELAY: Final = 5.0
_SWEEP_EVERY: Final = 30.0
_MARGIN: Final = 5.0

Background = tuple[str, Coroutine[Any, Any, NoReturn]]
"""What runs beside the requests for as long as the process does, and its name."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a process does with the rules folder."""

    source: ConfigurationSource
    """Where it is read again from."""
    configuration: Configuration
    """What it starts with."""
    environment: Environment
    only: frozenset[str] | None = None
    """DeliveryJob to these destinations, and evaluate nothing; None for all of it."""
    on_capture: OnCapture | None = None


OPERATIONS: Final = (
    *described.OPERATIONS,
    *status.OPERATIONS,
    *twilio_tests.OPERATIONS,
    *reloads.OPERATIONS,
    *acknowledging.OPERATIONS,
)
"""What the API's description says of routes beyond their docstrings."""


class StreamSource(msgspec.Struct, frozen=True, kw_only=True):
    """A Kinesis stream that a process reads events from."""

    make: Callable[[], KinesisStream]
    since: float | None = None
    """Where to begin a stream that was never read (Unix seconds), None for its oldest record."""


def wire_intake(
    settings: Settings,
    connection: Connection,
    gate: AdmissionControl,
    metrics: Metrics,
    clock: Clock,
) -> tuple[Intake, Background]:
    """The way into the journal, for whatever takes events in."""
    commit = EventCommit(
        Batches(connection, clock),
        metrics,
        interval=settings.commit_interval,
        max_waiting=settings.max_waiting_events,
        monotonic=clock.monotonic,
    )
    return Intake(commit, gate, metrics, clock), ("commit", commit.run())


def wire_doors(settings: Settings, connection: Connection, intake: Intake) -> list[web.RouteDef]:
    """What takes events in by HTTP."""
    sink_tests = SinkTests(connection)
    ingress = Ingress(
        settings, intake.commit, intake.admission, sink_tests, intake.metrics, intake.clock
    )
    routes = ingress.routes() + TwilioTestsApi(sink_tests, settings.admin_token).routes()
    signs = link_signer(settings)
    if signs is not None:
        acknowledgements = Acknowledgements(connection)
        silences = Silences(connection, intake.clock)
        routes += AlertPages(signs, acknowledgements, silences, intake.clock).routes()
    return routes


def wire_stream(
    settings: Settings, connection: Connection, intake: Intake, source: StreamSource
) -> Background:
    """What takes events in from a stream."""
    reading = consume(
        source.make(), connection, intake, lease=settings.job_lease, since=source.since
    )
    return "kinesis", reading


def wire_operators(
    connection: Connection,
    destination_names: Callable[[], Iterable[str]],
    clock: Clock,
    token: Secret | None,
) -> list[web.RouteDef]:
    """What operators may ask of any process: the state is in Redis."""
    return [
        *DestinationsApi(connection, destination_names, clock, token).routes(),
        *DeadLettersApi(DeadLetters(connection, clock), clock, token).routes(),
        *QuarantineApi(Quarantine(connection, clock), clock, token).routes(),
    ]


class Worker:
    """What evaluates and delivers, and is changed by a reload. ``open`` it, then run ``background``."""

    def __init__(
        self,
        settings: Settings,
        work: WorkerConfig,
        connection: Connection,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._work = work
        self._connection = connection
        self._metrics = metrics
        self._clock = clock
        self._environment = msgspec.structs.replace(
            work.environment, store=RedisDestinationStore(connection)
        )
        self._live = ActiveConfiguration(work.configuration)
        self._board = SilenceCache(
            Silences(connection, clock), connection, self._live, clock.chance
        )
        self._deliveries = Deliveries(connection, clock)
        self._settler = settle.make_settler(self._deliveries, clock)
        self._suspects = PoisonDetector(CrashCounter(connection))
        evaluates = [self._evaluate_job(), self._timer_job()] if work.only is None else []
        self._supervisor = Supervisor(
            connection, evaluates, metrics, clock, lease=settings.job_lease, poll_delay=_POLL_DELAY
        )
        self._holding = PausedDestinations(Pauses(connection), clock, self._supervisor.wake_all)
        self._roster = DestinationPool(self._supervisor, self._place)
        self._presence = OrphanReaper(
            OrphanedDeliveries(connection, self._deliveries, clock),
            lambda: self._roster.names,
            self._known if work.only is None else None,
            metrics,
            clock,
            after=settings.orphan_timeout,
        )
        self.reloader = Reloader(work.source, self._live, self._apply, metrics, clock)

    @property
    def background(self) -> list[Background]:
        sweeper = Sweeper(self._connection, lambda: self._roster.names, self._clock)
        return [
            ("settle", self._settler.run()),
            ("holding", self._holding.watch()),
            ("supervisor", self._supervisor.run()),
            ("roster", self._roster.run()),
            ("sweeper", self._sweep(sweeper)),
            ("silences", self._board.run()),
            ("presence", self._presence.run()),
            ("watch", self.reloader.watch()),
            ("reload", self.reloader.run_on_signal()),
        ]

    @property
    def destination_names(self) -> frozenset[str]:
        """All that the rules folder names, delivered to here or not."""
        return self._known()

    async def open(self) -> None:
        """Open the destinations. Raises ConfigurationError when one cannot be opened."""
        try:
            await self._board.refresh()  # before the first alert
        except JournalUnavailableError as error:
            logger.warning("silences are not known yet", extra={"reason": str(error)})
        await self._apply(self._work.configuration)

    async def drain(self) -> None:
        """Take no more work and finish what is under way."""
        await self._supervisor.drain(self._settings.drain_timeout)

    def stop_attempts(self) -> None:
        """Let the attempts under way be the last."""
        self._roster.drain()

    async def close(self) -> None:
        await self._roster.close()

    async def _apply(self, configuration: Configuration) -> None:
        """Put a configuration in force, or raise ConfigurationError and change nothing."""
        only = self._work.only
        places = await self._roster.prepare(
            spec for spec in configuration.destinations if only is None or spec.name in only
        )
        for name in set(self._roster.names) - set(places):
            self._metrics.circuit_state.remove(name)
        # Nothing runs between these two: rules and destinations change together.
        self._roster.swap(places)
        self._live.configuration = configuration
        self._presence.changed()

    def _known(self) -> frozenset[str]:
        return frozenset(spec.name for spec in self._live.configuration.destinations)

    def _evaluate_job(self) -> QueueSpec:
        evaluate = BatchJob(
            Batches(self._connection, self._clock),
            self._live,
            self._metrics,
            self._clock,
            suspects=self._suspects,
            dedup_window=self._settings.dedup_window,
        )
        return QueueSpec(
            queue=keys.EVALUATE_QUEUE,
            function=jobs.EVALUATE,
            run=lambda job_id, starts: evaluate.run(BatchId(job_id), starts),
            max_jobs=self._settings.evaluate_concurrency,
            limit_seconds=_EVALUATE_SECONDS,
            linger=evaluate.linger,
        )

    def _timer_job(self) -> QueueSpec:
        journal = TimerJournal(
            Timers(self._connection),
            States(self._connection),
            Finish(self._connection, self._clock),
        )
        timers = TimerJob(journal, self._live, self._metrics, self._clock, self._suspects)
        return QueueSpec(
            queue=keys.TIMER_QUEUE,
            function=jobs.TIMER,
            run=lambda job_id, starts: timers.run(TimerId(job_id), starts),
            max_jobs=self._settings.evaluate_concurrency,
            limit_seconds=_EVALUATE_SECONDS,
        )

    def _place(self, spec: DestinationSpec) -> ActiveDestination:
        destination = make_destination(spec, self._environment, self._work.on_capture)
        flow = self._flow(destination)
        shared = DeliveryJournal(self._deliveries, self._settler, self._suspects)
        deliver = DeliveryJob(destination, shared, flow, self._metrics, self._clock)
        job = QueueSpec(
            queue=keys.deliver_queue(spec.name),
            function=jobs.DELIVER,
            run=lambda job_id, starts: deliver.run(SetId(job_id), starts),
            max_jobs=_DELIVER_JOBS,
            # The last attempt may wait for its turn before it begins.
            limit_seconds=(
                SLICE + LOOKAHEAD + destination.config.timeout + settle.SETTLE_TIMEOUT + _MARGIN
            ),
            wait=flow.wait,
        )
        return ActiveDestination(spec, destination, deliver, job)

    def _flow(self, destination: Destination) -> DeliveryAdmission:
        name, config = destination.name, destination.config
        rate = config.rate
        pacer = None if rate is None else RateLimiter(self._connection, name, rate, self._clock)
        return DeliveryAdmission(
            name, config.breaker, pacer, self._holding, self._metrics, self._clock
        )

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

"""Builds the worker: evaluation, delivery and reload. No other module does.

``build_destination`` builds the parts of each destination, at start and at each reload.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.configuration.reload import Reloader
from router.errors import PostponedError
from router.events.masks import Masks
from router.history.kept_body import BodyKeeper
from router.journal import jobs, keys
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.deliveries import Deliveries
from router.journal.destination_health import DestinationHealth
from router.journal.destination_store import RedisDestinationStore
from router.journal.finish import Finish
from router.journal.history_log import HistoryLimits, HistoryLog
from router.journal.keys import BatchId, TimerId
from router.journal.leases import Lease
from router.journal.looks import Looks
from router.journal.message_tests import MessageTests
from router.journal.missing_work import MissingWork
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.pauses import Pauses
from router.journal.row_sets import RowSets
from router.journal.rule_state import RuleState
from router.journal.shown_alerts import ShownAlerts
from router.journal.silences import Silences
from router.journal.sweeper import Sweeper
from router.journal.timers import Timers
from router.journal.unknown_rules import UnknownRules
from router.metrics import Metrics
from router.rules.state.alert_limits import AlertLimits
from router.runtime.build_destination import DestinationBuilder
from router.runtime.configuration_switch import (
    ConfigurationSwitch,
    destination_names,
)
from router.runtime.masked_fields_shown import MaskedFieldsShown
from router.runtime.roles import WorkerConfig
from router.runtime.worker_role import WorkerRole
from router.settings.model import Settings
from router.tracing.spans import Tracer
from router.worker.delivery.delivery_job import DeliveryJournal
from router.worker.delivery.health_reports import HealthReports
from router.worker.delivery.orphans import OrphanReaper
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.registry import DestinationPool
from router.worker.delivery.settlement import make_settler
from router.worker.evaluation import row_loading
from router.worker.evaluation.batch_job import BatchJob, BatchJournal
from router.worker.evaluation.claim_eviction import ClaimEviction
from router.worker.evaluation.earlier_batches import EarlierBatches
from router.worker.evaluation.evaluation_admission import EvaluationAdmission
from router.worker.evaluation.event_traces import EventTraces
from router.worker.evaluation.history_entry import EventEntries
from router.worker.evaluation.look_schedule import LookSchedule
from router.worker.evaluation.row_loading import RowLoading
from router.worker.evaluation.silence_cache import SilenceCache
from router.worker.evaluation.state_use import StateUse
from router.worker.evaluation.timer_job import TimerJob, TimerJournal
from router.worker.evaluation.timer_traces import TimerTraces
from router.worker.evaluation.unknown_features import UnknownFeatures
from router.worker.history_retention import HistoryRetention
from router.worker.mark_checks import MarkChecks
from router.worker.queue.poison import PoisonDetector
from router.worker.queue.queue_spec import QueueSpec, Run, shortest_linger
from router.worker.queue.requeue import requeue_lost_jobs
from router.worker.queue.supervisor import Supervisor
from router.worker.work_log import WorkLog

_EVALUATION_SECONDS: Final = 20.0
"""How long an evaluation job or a timer job may run."""
_POLL_DELAY: Final = 5.0
"""Seconds. Polling only finds what a lost PUBLISH or another client of arq has enqueued."""
_REGISTER_EVERY: Final = 60.0
"""Seconds between two registrations of destinations that are told of acknowledgements."""


def alert_limits(settings: Settings) -> AlertLimits:
    """Return how many keyed alerts the settings allow."""
    return AlertLimits(settings.max_alerts, settings.max_alerts_per_rule)


def _shown_alerts(settings: Settings, connection: Connection, clock: Clock) -> ShownAlerts | None:
    """Return what records the pages of alerts; None if alerts have no links."""
    if settings.link_secret is None or not settings.public_url:
        return None
    return ShownAlerts(connection, clock, lasts=settings.link_lifetime)


def build_worker(
    settings: Settings,
    config: WorkerConfig,
    connection: Connection,
    metrics: Metrics,
    clock: Clock,
    *,
    tracer: Tracer | None = None,
) -> WorkerRole:
    """Return the worker role of a process, which is not open yet."""
    active = ActiveConfiguration(config.configuration, clock_tolerance=settings.clock_tolerance)
    poison = PoisonDetector(CrashCounter(connection))
    log = WorkLog()
    admission = EvaluationAdmission(connection, metrics, clock)
    limits = HistoryLimits(age_seconds=settings.history, share=settings.history_memory)
    history = HistoryLog(limits, admission.budget)
    deliveries = Deliveries(connection, clock, history)
    settler = make_settler(deliveries, clock)
    unknown = UnknownFeatures(
        UnknownRules(connection, clock), active, clock, after=settings.orphan_timeout
    )
    evaluation = _Evaluation(
        settings,
        connection,
        active,
        poison,
        metrics,
        clock,
        unknown,
        admission,
        EventEntries(
            history,
            BodyKeeper(settings.history_bodies, Masks(settings.masked_fields), active),
            clock,
        ),
        log,
        None if tracer is None else EventTraces(tracer),
        None if tracer is None else TimerTraces(tracer),
    )
    supervisor = Supervisor(
        connection,
        evaluation.queues() if config.only is None else [],
        metrics,
        clock,
        lease=settings.job_lease,
        poll_delay=_POLL_DELAY,
    )
    paused = PausedDestinations(Pauses(connection), clock, supervisor.wake_all)
    reports = HealthReports(DestinationHealth(connection, clock), clock)
    builder = DestinationBuilder(
        journal=DeliveryJournal(
            deliveries,
            settler,
            poison,
            _shown_alerts(settings, connection, clock),
            MessageTests(connection, clock),
            log,
            config.environment.masks,
            tracer,
        ),
        paused=paused,
        reports=reports,
        environment=msgspec.structs.replace(
            config.environment, store=RedisDestinationStore(connection)
        ),
        on_capture=config.on_capture,
        connection=connection,
        metrics=metrics,
        clock=clock,
    )
    pool = DestinationPool(supervisor, builder.build)
    orphans = OrphanReaper(
        OrphanedDeliveries(connection, deliveries, clock, history),
        lambda: pool.names,
        partial(destination_names, active) if config.only is None else None,
        metrics,
        clock,
        after=settings.orphan_timeout,
    )
    receivers = AcknowledgementReceivers(connection, clock)
    registration = MarkChecks(
        lambda: receivers.register(pool.told_acknowledgements),
        lambda: None,
        clock,
        interval=_REGISTER_EVERY,
        marked="receivers of acknowledgements",
    )
    rows = MarkChecks(
        RowLoading(RowSets(connection, clock), active, clock).check,
        lambda: None,
        clock,
        interval=row_loading.INTERVAL,
        marked="rows that rules expect",
    )
    looks = LookSchedule(Looks(connection, clock), clock)
    shown = MaskedFieldsShown(settings.masked_fields, lambda: active.configuration.rules.rules)
    on_change = [
        shown.changed,
        orphans.changed,
        unknown.changed,
        registration.changed,
        rows.changed,
        looks.changed,
    ]
    switch = ConfigurationSwitch(active, pool, on_change, metrics, only=config.only)
    sweeper = Sweeper(connection, lambda: pool.names, clock)
    return WorkerRole(
        configuration=config.configuration,
        switch=switch,
        silences=SilenceCache(
            Silences(connection, clock), connection, active, clock.chance, looks.silences_changed
        ),
        supervisor=supervisor,
        pool=pool,
        reloader=Reloader(config.source, active, switch.apply, metrics, clock),
        tasks=[
            ("settler", settler.run),
            ("pauses", paused.watch),
            ("health of destinations", reports.run),
            ("missing", MissingWork(connection, metrics).watch),
            ("orphans", orphans.run),
            ("acknowledgement receivers", registration.run),
            *(
                [
                    (
                        "history",
                        HistoryRetention(connection, limits, admission.budget, metrics, clock).run,
                    ),
                    ("claims", ClaimEviction(connection, metrics, clock).run),
                    ("features", unknown.run),
                    ("rows", rows.run),
                    ("state use", StateUse(connection, active, metrics, clock).run),
                    ("looks", looks.run),
                    ("timers put back", unknown.wake_others),
                ]
                if config.only is None
                else []
            ),
            ("requeue", partial(requeue_lost_jobs, sweeper, metrics, clock)),
        ],
        reports=reports,
        drain_seconds=settings.drain_timeout,
    )


class _Evaluation(msgspec.Struct, frozen=True):
    """Builds the queues of evaluation."""

    settings: Settings
    connection: Connection
    active: ActiveConfiguration
    poison: PoisonDetector
    metrics: Metrics
    clock: Clock
    unknown: UnknownFeatures
    admission: EvaluationAdmission
    history: EventEntries
    log: WorkLog
    traces: EventTraces | None
    timer_traces: TimerTraces | None

    def queues(self) -> list[QueueSpec]:
        """Return the queue of batches and the queue of timers."""
        return [self._batches(), self._timers()]

    def _spec(
        self,
        queue: str,
        function: str,
        run: Run,
        *,
        wait: Callable[[], float],
        linger: Callable[[], float],
    ) -> QueueSpec:
        async def admitted(job_id: str, starts: int, lease: Lease) -> bool:
            if not await self.admission.begin():
                raise PostponedError("Redis has no room for what the job may open", seconds=None)
            try:
                return await run(job_id, starts, lease)
            finally:
                self.admission.end()

        return QueueSpec(
            queue=queue,
            function=function,
            run=admitted,
            max_jobs=self.settings.evaluate_concurrency,
            limit_seconds=_EVALUATION_SECONDS,
            wait=wait,
            linger=linger,
        )

    def _batches(self) -> QueueSpec:
        batches = Batches(self.connection, self.clock, alert_limits=alert_limits(self.settings))
        job = BatchJob(
            BatchJournal(batches, self.poison, self.admission, self.log, self.history, self.traces),
            self.active,
            self.metrics,
            self.clock,
            dedup_window=self.settings.dedup_window,
        )
        return self._spec(
            keys.EVALUATE_QUEUE,
            jobs.EVALUATE,
            lambda job_id, starts, lease: job.run(BatchId(job_id), starts, lease.token),
            wait=self.admission.wait,
            linger=job.linger,
        )

    def _timers(self) -> QueueSpec:
        earlier = EarlierBatches(self.metrics, self.clock)
        journal = TimerJournal(
            Timers(self.connection, self.clock),
            RuleState(self.connection, alert_limits(self.settings)),
            Finish(self.connection, self.clock),
            earlier,
            self.log,
            self.timer_traces,
        )
        job = TimerJob(journal, self.active, self.metrics, self.clock, self.poison, self.unknown)
        return self._spec(
            keys.TIMER_QUEUE,
            jobs.TIMER,
            lambda job_id, starts, lease: job.run(TimerId(job_id), starts, lease.token),
            wait=lambda: max(self.admission.wait(), self.unknown.wait(), earlier.wait()),
            linger=shortest_linger,
        )

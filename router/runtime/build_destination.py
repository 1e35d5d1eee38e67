"""Builds what delivers to one destination. No other module does."""

from typing import Final

import msgspec

from router.clock import Clock
from router.destinations.capture import OnCapture
from router.destinations.contract import Destination, Environment
from router.destinations.spec import DestinationSpec, make_destination
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.keys import SetId
from router.journal.rate_limits import LOOKAHEAD
from router.metrics import Metrics
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.delivery_job import SLICE, DeliveryJob, DeliveryJournal
from router.worker.delivery.health_reports import HealthReports
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.rate_limiter import RateLimiter
from router.worker.delivery.registry import ActiveDestination
from router.worker.delivery.settlement import SETTLE_TIMEOUT
from router.worker.queue.queue_spec import QueueSpec

_MAX_JOBS: Final = 8
_LIMIT_MARGIN: Final = 5.0
"""Seconds beyond the sum of what a job may wait for."""


class DestinationBuilder(msgspec.Struct, frozen=True, kw_only=True):
    """Builds active destinations from what all destinations of a process share."""

    journal: DeliveryJournal
    paused: PausedDestinations
    reports: HealthReports
    environment: Environment
    on_capture: OnCapture | None
    connection: Connection
    metrics: Metrics
    clock: Clock

    def build(self, spec: DestinationSpec) -> ActiveDestination:
        """Return a destination that is not open yet, with its delivery job and its queue."""
        destination = make_destination(spec, self.environment, self.on_capture)
        config = destination.config
        admission = self._admission(destination)
        job = DeliveryJob(destination, self.journal, admission, self.metrics, self.clock)
        queue = QueueSpec(
            queue=keys.deliver_queue(spec.name),
            function=jobs.DELIVER,
            run=lambda job_id, starts, lease: job.run(SetId(job_id), starts, lease),
            max_jobs=_MAX_JOBS,
            # SLICE is when a run begins its last attempt, which may first wait for the rate limiter.
            limit_seconds=(
                SLICE + LOOKAHEAD + config.longest_attempt + SETTLE_TIMEOUT + _LIMIT_MARGIN
            ),
            wait=admission.wait,
            retry=admission.retry_now,
        )
        return ActiveDestination(spec, destination, job, queue)

    def _admission(self, destination: Destination) -> DeliveryAdmission:
        name, config = destination.name, destination.config
        limiter = (
            None
            if config.rate is None
            else RateLimiter(self.connection, name, config.rate, self.clock)
        )
        return DeliveryAdmission(
            name, config, limiter, self.paused, self.metrics, self.clock, reports=self.reports
        )

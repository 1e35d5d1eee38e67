"""Whether an attempt may begin: not while its destination is paused, down, or over its rate.

Checked twice: before a job is picked from the queue (``wait``), so that no job is picked only to be
released again, and before each attempt (``begin``).
"""

import logging

from router.alerts import Delivered, Delivery, Failed, Outcome, Refused
from router.clock import Clock
from router.destinations.contract import DestinationConfig
from router.errors import JournalUnavailableError
from router.journal.pauses import Pause, PauseKind
from router.metrics import Metrics
from router.worker.delivery.circuit_breaker import (
    CircuitBreaker,
    Health,
    Permit,
    State,
    health,
)
from router.worker.delivery.health_reports import HealthReports
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.rate_limiter import RateLimiter
from router.worker.delivery.refusals import Refusals

logger = logging.getLogger(__name__)


class DeliveryAdmission:
    """The admission control of one destination in one process.

    Args:
        destination: Its name.
        config: Its configuration: when its circuit opens, and when it is paused.
        rate_limiter: None if it has no rate.
        paused: The destinations that are paused.
        metrics: Gets the state of the circuit.
        clock: The process's clock.
        reports: Tells other processes; None in a process whose destinations no other one shows.
    """

    def __init__(  # noqa: PLR0913 - all that decides, and two that are told
        self,
        destination: str,
        config: DestinationConfig,
        rate_limiter: RateLimiter | None,
        paused: PausedDestinations,
        metrics: Metrics,
        clock: Clock,
        *,
        reports: HealthReports | None = None,
    ) -> None:
        self._destination = destination
        self._breaker = CircuitBreaker(config.breaker)
        self._rate_limiter = rate_limiter
        self._paused = paused
        self._pause: Pause | None = None
        self._refusals = Refusals(config.pause_after)
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._state = metrics.circuit_state.labels(destination)
        self._state.set(State.CLOSED)
        self._reports = reports
        if reports is not None:
            reports.begin(destination)

    def retry_now(self) -> None:
        """Let an attempt begin at once if the circuit is open, because an operator asks for it."""
        self._paused.allow_trial(self._destination)
        self._breaker.allow_trial(self._monotonic())

    def wait(self) -> float:
        """Return the seconds until an attempt may begin; infinity while only an operator can change that."""
        self._follow_pause()
        pause_wait = self._paused.wait(self._destination)
        rate_wait = 0.0 if self._rate_limiter is None else self._rate_limiter.wait()
        return max(pause_wait, rate_wait, self._breaker.wait(self._monotonic()))

    def _follow_pause(self) -> None:
        """After a resume the next attempt may begin at once; during a pause each is a trial."""
        pause = self._paused.pause_of(self._destination)
        if pause == self._pause:
            return
        if pause is None:
            self._breaker.allow_trial(self._monotonic())
        elif pause.kind is PauseKind.REFUSED:
            self._breaker.require_trial(self._monotonic())
        self._pause = pause

    async def begin(self) -> Permit | None:
        """Return a permit for one attempt, or None.

        Waits for the rate limit, for a second at most.
        """
        if self.wait() > 0:
            return None
        if self._rate_limiter is not None:
            acquired = await self._rate_limiter.acquire()
            # The destination may have been paused while this call waited.
            if not acquired or self._paused.is_paused(self._destination):
                return None
        permit = self._breaker.begin(self._monotonic())
        if permit is not None and permit.is_trial:
            self._report()
        return permit

    def end(self, permit: Permit, outcome: Outcome | None) -> None:
        """Record how an attempt ended; None if that says nothing about the destination."""
        if outcome is not None:
            self._refusals.record(outcome, self._now())
            if self._reports is not None and not isinstance(outcome, Delivered):
                self._reports.failed(self._destination, outcome)
        found = Health.UNKNOWN if outcome is None else health(outcome)
        if found is Health.REFUSING and not self._refusals.limit:
            found = Health.SOUND
        retry_after = outcome.retry_after_seconds if isinstance(outcome, Failed) else None
        if self._breaker.end(permit, found, self._monotonic(), retry_after=retry_after):
            self._report()

    def is_retried(self, delivery: Delivery, outcome: Outcome) -> bool:
        """Return whether a delivery that was refused is attempted again."""
        return self._refusals.is_retried(delivery, outcome)

    async def update_pause(self, outcome: Outcome) -> None:
        """Pause the destination if it refuses everything, or resume it if it has accepted something.

        Without Redis the next outcome does so.
        """
        try:
            if isinstance(outcome, Delivered):
                await self._paused.accept(self._destination)
            elif isinstance(outcome, Refused) and outcome.blames_destination:
                await self._refuse(outcome.reason)
        except JournalUnavailableError as error:
            extra = {"destination": self._destination, "reason": str(error)}
            logger.warning("pause of the destination not recorded", extra=extra)

    async def _refuse(self, reason: str) -> None:
        is_trial = self._pause is not None and self._pause.kind is PauseKind.REFUSED
        if is_trial or self._refusals.is_pause_due(self._now()):
            count = self._refusals.count
            words = f"{count} refusals in a row, the last: {reason}"
            await self._paused.refuse(self._destination, words)

    async def disable(self, reason: str) -> None:
        """Pause the destination, because its receiver is gone for good.

        Raises:
            JournalUnavailableError: The pause was not recorded.
        """
        await self._paused.disable(self._destination, reason)

    def _report(self) -> None:
        state = self._breaker.state
        self._state.set(state)
        seconds = self._breaker.wait(self._monotonic()) if state is State.OPEN else 0.0
        if self._reports is not None:
            self._reports.circuit_changed(self._destination, state, seconds)
        logger.log(
            logging.WARNING if state is State.OPEN else logging.INFO,
            "circuit %s",
            state.name.lower().replace("_", " "),
            extra={"destination": self._destination, "seconds": round(seconds, 1)},
        )

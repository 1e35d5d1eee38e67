"""Whether an attempt may begin: not while its destination is paused, down, or over its rate.

Checked twice: before a job is picked from the queue (``wait``), so that no job is picked only to be
released again, and before each attempt (``begin``).
"""

import logging
from typing import Final

from router.alerts import Failed, Outcome
from router.clock import Clock
from router.destinations.contract import BreakerPolicy
from router.metrics import Metrics
from router.worker.delivery.circuit_breaker import (
    CircuitBreaker,
    Health,
    Permit,
    State,
    health,
)
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.rate_limiter import RateLimiter

logger = logging.getLogger(__name__)

UNTIL_NOTIFIED: Final = float("inf")
"""Seconds to wait when only an event, such as a resume, can change the answer."""


class DeliveryAdmission:
    """The admission control of one destination in one process.

    Args:
        destination: Its name.
        policy: When its circuit opens.
        rate_limiter: None if it has no rate.
        paused: The destinations that are paused.
        metrics: Gets the state of the circuit.
        clock: The process's clock.
    """

    def __init__(
        self,
        destination: str,
        policy: BreakerPolicy,
        rate_limiter: RateLimiter | None,
        paused: PausedDestinations,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._destination = destination
        self._breaker = CircuitBreaker(policy)
        self._rate_limiter = rate_limiter
        self._paused = paused
        self._monotonic = clock.monotonic
        self._state = metrics.circuit_state.labels(destination)
        self._state.set(State.CLOSED)

    def wait(self) -> float:
        """Return the seconds until an attempt may begin, or ``UNTIL_NOTIFIED``."""
        if self._paused.is_paused(self._destination):
            return UNTIL_NOTIFIED
        rate_wait = 0.0 if self._rate_limiter is None else self._rate_limiter.wait()
        return max(rate_wait, self._breaker.wait(self._monotonic()))

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
        found = Health.UNKNOWN if outcome is None else health(outcome)
        retry_after = outcome.retry_after_seconds if isinstance(outcome, Failed) else None
        if self._breaker.end(permit, found, self._monotonic(), retry_after=retry_after):
            self._report()

    async def disable(self, reason: str) -> None:
        """Pause the destination, because its receiver is gone for good.

        Raises:
            JournalUnavailableError: The pause was not recorded.
        """
        await self._paused.disable(self._destination, reason)

    def _report(self) -> None:
        state = self._breaker.state
        self._state.set(state)
        logger.log(
            logging.WARNING if state is State.OPEN else logging.INFO,
            "circuit %s",
            state.name.lower().replace("_", " "),
            extra={
                "destination": self._destination,
                "seconds": round(self._breaker.wait(self._monotonic()), 1)
                if state is State.OPEN
                else 0.0,
            },
        )

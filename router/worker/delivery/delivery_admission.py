"""May an attempt begin? Not while its destination is held, down, or over its rate.

Asked twice: before a job is picked from the queue (``wait``), so that nothing is taken only to be
laid back, and before each attempt of it (``begin``).
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

FOR_LONG: Final = float("inf")


class DeliveryAdmission:
    """One destination's, in one process. ``pacer`` is None where there is no rate."""

    def __init__(
        self,
        destination: str,
        policy: BreakerPolicy,
        pacer: RateLimiter | None,
        holding: PausedDestinations,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._destination = destination
        self._breaker = CircuitBreaker(policy)
        self._pacer = pacer
        self._holding = holding
        self._monotonic = clock.monotonic
        self._state = metrics.circuit_state.labels(destination)
        self._state.set(State.CLOSED)

    def wait(self) -> float:
        """Seconds until an attempt may begin; infinity when only an event can tell."""
        if self._holding.is_held(self._destination):
            return FOR_LONG
        paced = 0.0 if self._pacer is None else self._pacer.wait()
        return max(paced, self._breaker.wait(self._monotonic()))

    async def begin(self) -> Permit | None:
        """Leave for one attempt, waiting for its turn for a second at most; or None."""
        if self.wait() > 0:
            return None
        if self._pacer is not None:
            turn = await self._pacer.turn()
            if not turn or self._holding.is_held(self._destination):  # so it became meanwhile
                return None
        permit = self._breaker.begin(self._monotonic())
        if permit is not None and permit.is_trial:
            self._show()
        return permit

    def end(self, permit: Permit, outcome: Outcome | None) -> None:
        """How the attempt ended; None where it says nothing of the destination."""
        found = Health.UNKNOWN if outcome is None else health(outcome)
        wish = outcome.retry_after_seconds if isinstance(outcome, Failed) else None
        if self._breaker.end(permit, found, self._monotonic(), wish=wish):
            self._show()

    async def disable(self, reason: str) -> None:
        """The receiver is gone for good. Raises JournalUnavailableError."""
        await self._holding.disable(self._destination, reason)

    def _show(self) -> None:
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

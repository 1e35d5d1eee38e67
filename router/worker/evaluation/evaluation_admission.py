"""Whether evaluation may open further deliveries, given the memory of Redis.

An event is stored once, and what it becomes is several deliveries. A worker that evaluates faster
than deliveries end would therefore fill Redis with deliveries. ``pace_of`` is the decision:

| memory in use | deliveries | evaluation |
|---|---|---|
| below 80 % | | goes on |
| 80 to 90 % | | one part of a batch at a time in each process |
| 90 % and above | some end every second | waits: they free memory |
| 90 to 95 % | none, or none ends | one part at a time |
| 95 % and above | some are pending, none ends | waits, until a receiver is back or an operator acts |
| 95 % and above | none is pending | one part at a time, as long as the parts before it have freed memory |

Memory in use includes a batch and a part of each running job, and what pending deliveries may come to
need: each may move to a set of its own, and then to the dead letters. Ingress rejects events above
80 %, so that it is the first to stop.

No two of them wait for each other: deliveries and their retries never wait for memory, a paused or
dead destination does not stop evaluation below 95 %, and batches are evaluated whatever the memory if
no delivery is pending, because that frees them.
"""

import enum
import logging
import math
from typing import Final

import msgspec

from router.clock import Clock
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.memory_budget import MemoryBudget
from router.metrics import Metrics

logger = logging.getLogger(__name__)

SINGLE_WATERMARK: Final = 0.8
"""Share of maxmemory above which one part is evaluated at a time."""
WATERMARK: Final = 0.9
"""Share of maxmemory above which evaluation waits for deliveries that end."""
LIMIT: Final = 0.95
"""Share of maxmemory above which evaluation waits for all deliveries."""
RESERVE_BYTES: Final = 1024
"""Bytes that a pending delivery may come to need: a set and a job of its own, or a dead letter."""
_NOISE_BYTES: Final = 64 << 10
_FRESH_SECONDS: Final = 0.25
_PATIENCE: Final = 1.0
"""Seconds without an ended delivery after which deliveries are not waited for."""
_COUNTED_FROM: Final = 0.25
"""Share of maxmemory from which pending deliveries matter: their reserve is at most three times
what they use."""
_LOGGED_AFTER: Final = 5.0
_RETRY_SECONDS: Final = 0.1


class EvaluationPace(enum.Enum):
    """How evaluation goes on."""

    FREE = enum.auto()
    SINGLE = enum.auto()
    """One part of a batch at a time."""
    WAIT = enum.auto()


class MemoryState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of Redis of which the pace is a function."""

    used_ratio: float
    """The share of maxmemory in use, including the reserve of pending deliveries."""
    pending: int
    """Deliveries that have not ended."""
    is_draining: bool
    """Whether deliveries ended lately."""
    has_freed: bool
    """Whether no more memory is in use than when evaluation went on at the limit."""


def pace_of(state: MemoryState) -> EvaluationPace:
    """Return how evaluation goes on; see the module."""
    if state.used_ratio < SINGLE_WATERMARK:
        return EvaluationPace.FREE
    if state.used_ratio < WATERMARK:
        return EvaluationPace.SINGLE
    if state.pending and state.is_draining:
        return EvaluationPace.WAIT
    if state.used_ratio < LIMIT:
        return EvaluationPace.SINGLE
    return EvaluationPace.SINGLE if not state.pending and state.has_freed else EvaluationPace.WAIT


class EvaluationAdmission:
    """Admits the evaluation jobs of a process.

    Args:
        connection: To Redis.
        metrics: Has the gauge of whether evaluation waits.
        clock: The monotonic time.
    """

    def __init__(self, connection: Connection, metrics: Metrics, clock: Clock) -> None:
        self._connection = connection
        self._gauge = metrics.evaluation_waiting
        self._now = clock.monotonic
        self.budget: Final = MemoryBudget(connection, watermark=WATERMARK)
        self._refreshed_at = -math.inf
        self._pending = 0
        self._ended_at = -math.inf
        self._least_used = math.inf
        self._running = 0
        self._retry_at = -math.inf
        self._waiting_since: float | None = None
        self._is_logged = False

    def wait(self) -> float:
        """Return the seconds for which no job is to be picked."""
        return max(0.0, self._retry_at - self._now())

    async def begin(self) -> bool:
        """Admit a job, which then calls ``end``; return False if it is to be run later.

        Raises:
            JournalUnavailableError: The memory of Redis is unknown.
        """
        is_admitted = await self.admits(others=self._running)
        self._running += is_admitted
        return is_admitted

    def end(self) -> None:
        """End an admitted job."""
        self._running -= 1
        self._retry_at = -math.inf

    async def admits(self, *, others: int | None = None) -> bool:
        """Return whether a running job may write its next part.

        ``others`` is how many other jobs run. Raises JournalUnavailableError.
        """
        others = self._running - 1 if others is None else others
        await self._refresh_if_stale()
        pace = pace_of(self._state(others))
        is_admitted = pace is EvaluationPace.FREE or (pace is EvaluationPace.SINGLE and not others)
        if is_admitted:
            at_limit = self.budget.used_ratio >= LIMIT
            used = self.budget.used_bytes
            self._least_used = min(self._least_used, used) if at_limit else math.inf
        else:
            self._retry_at = self._now() + _RETRY_SECONDS
        if is_admitted or pace is EvaluationPace.WAIT:
            self._record(is_waiting=not is_admitted)
        return is_admitted

    async def _refresh_if_stale(self) -> None:
        now = self._now()
        age = now - self._refreshed_at
        if age < _FRESH_SECONDS and not self.budget.needs_refresh(self.budget.unit_bytes):
            return
        await self.budget.refresh()
        self._refreshed_at = now
        if self.budget.used_ratio < _COUNTED_FROM:
            self._pending = 0
            return
        counters = await ledger.read(self._connection)
        pending = sum(counts.pending for counts in counters.destinations.values())
        if pending < self._pending or not self._pending:
            self._ended_at = now
        self._pending = pending

    def _state(self, others: int) -> MemoryState:
        limit = self.budget.limit_bytes
        reserved = self._pending * RESERVE_BYTES + 2 * others * self.budget.unit_bytes
        return MemoryState(
            used_ratio=self.budget.used_ratio + (reserved / limit if limit else 0.0),
            pending=self._pending,
            is_draining=self._now() - self._ended_at < _PATIENCE,
            has_freed=self.budget.used_bytes < self._least_used + _NOISE_BYTES,
        )

    def _record(self, *, is_waiting: bool) -> None:
        """Set the gauge, and log a wait that lasts, because short ones are the normal pace."""
        now = self._now()
        if not is_waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        self._gauge.set(is_waiting)
        since = self._waiting_since
        lasts = since is not None and now - since >= _LOGGED_AFTER
        if lasts == self._is_logged or (is_waiting and not lasts):
            return
        self._is_logged = lasts
        logger.warning(
            "evaluation waits: Redis nearly full" if lasts else "evaluation resumed",
            extra={"used": round(self.budget.used_ratio, 3), "pending": self._pending},
        )

"""The lease of a job: which worker may decide about its work, and until when.

Redis stores the token of the worker that has the lease. Every script that decides about the work
compares it: a worker that was suspended, or cut off from Redis, for longer than its lease changes
nothing any more. Such a worker also sends nothing more, because it compares its own clock with the
end of the lease before each attempt. That clock is monotonic, so no two machines are compared.
"""

from collections.abc import Callable
from typing import Final, NewType

LeaseToken = NewType("LeaseToken", str)
"""Unique for each poll, so that a lease that the same worker acquires again is another one."""

NO_TOKEN: Final = LeaseToken("")
"""The token of work without a lease: no script compares it."""
_MARGIN: Final = 0.1
"""The share of a lease, before its end, in which no further work begins."""


class Lease:
    """The lease of one job, as the process that acquired it sees it.

    Args:
        job_id: The job.
        token: The value of the lease in Redis.
        due_ms: When the job was due, by Redis's clock in Unix ms.
        seconds: How long the lease lasts.
        monotonic: The clock, in seconds.
        at: When the lease was asked for, by that clock: Redis began to count later.
    """

    __slots__ = ("_lasts", "_monotonic", "_until", "due_ms", "job_id", "token")

    def __init__(
        self,
        job_id: str,
        token: LeaseToken,
        *,
        due_ms: int,
        seconds: float,
        monotonic: Callable[[], float],
        at: float,
    ) -> None:
        self.job_id = job_id
        self.token = token
        self.due_ms = due_ms
        self._lasts = seconds * (1 - _MARGIN)
        self._monotonic = monotonic
        self._until = at + self._lasts

    @property
    def is_valid(self) -> bool:
        """Whether the process may begin work of the job: no other worker can have acquired it."""
        return self._monotonic() < self._until

    def renewed(self, at: float) -> None:
        """Extend the lease, because Redis has done so. ``at`` is when it was asked to."""
        self._until = at + self._lasts

    def lose(self) -> None:
        """End the lease, because Redis has not extended it."""
        self._until = float("-inf")


def unleased(job_id: str) -> Lease:
    """Return a lease that no script compares and that does not end."""
    return Lease(job_id, NO_TOKEN, due_ms=0, seconds=float("inf"), monotonic=lambda: 0.0, at=0.0)

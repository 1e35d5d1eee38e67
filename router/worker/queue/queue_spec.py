"""The description of a queue: its key, and how its jobs are run."""

from collections.abc import Awaitable, Callable

import msgspec

from router.journal.leases import Lease
from router.worker.queue.poll_interval import MIN_LINGER

Run = Callable[[str, int, Lease], Awaitable[bool]]
"""Runs the job with an id, given how often it was started (1 for the first time, more if a process
ended during an earlier run) and its lease. Returns True if all its work is done; the last
transaction of the work has then ended the job. False if work is left: the job is run again."""


def no_wait() -> float:
    """Return 0: jobs may be picked at any time."""
    return 0.0


def shortest_linger() -> float:
    """Return MIN_LINGER, in seconds."""
    return MIN_LINGER


def no_retry() -> None:
    """Do nothing: jobs wait for nothing that an operator could end."""


class QueueSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One queue, and how its jobs are run."""

    queue: str
    """The key of the queue in Redis."""
    function: str
    """The function that a job's record must name; a job with another one is dropped."""
    run: Run
    max_jobs: int
    """How many jobs run at once in one process."""
    limit_seconds: float
    """How long a job may run before it is cancelled and run again."""
    wait: Callable[[], float] = no_wait
    """Returns the seconds for which no job is to be picked; infinity until the next wake-up."""
    linger: Callable[[], float] = shortest_linger
    """Returns the seconds between a poll that found jobs and the next one."""
    retry: Callable[[], None] = no_retry
    """Called when an operator asks for jobs to be run at once: what they wait for is to be tried."""

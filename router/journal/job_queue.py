"""The jobs of one arq queue: polled, renewed, released, removed, each in one transaction."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.errors import LeaseLostError
from router.journal import keys
from router.journal.arq_adapter import STARTS_TTL_SECONDS
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN, Lease, LeaseToken
from router.journal.script import (
    PackedArguments,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
    pack,
)
from router.journal.unreadable import report, text_of

LOST: Final = -1
"""The reply of a script that found the lease of another worker, and changed nothing."""

_WATCH_MS: Final = 60_000
"""Ms after which what workers saw of the oldest batch is forgotten."""


class EarlierBatch(msgspec.Struct, frozen=True):
    """A batch that was accepted before a timer was due, and that is not evaluated."""

    id: BatchId
    """``""`` if Redis's clock was set back and it is not known which one."""
    unchanged_seconds: float
    """How long workers have seen it as the oldest one, and no part of it was finished."""


class PolledJob(msgspec.Struct, frozen=True):
    """A due job whose lease the worker has acquired."""

    id: str
    record: bytes
    """arq's record of the job; empty if it is missing."""
    starts: int
    """How often the job was started since it last ended, this time included."""
    due_ms: int
    """When it was due, by Redis's clock in Unix ms."""


class Poll(msgspec.Struct, frozen=True):
    """The reply to a poll."""

    jobs: tuple[PolledJob, ...]
    next_due_in_ms: float
    """Ms until the next job is due, or its lease ends; infinity if there is none."""
    more_due: bool
    """Whether further jobs may be due already."""


class JobQueue:
    """A queue as its worker uses it. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    async def poll(self, token: LeaseToken, *, lease_ms: int, max_jobs: int, max_ids: int) -> Poll:
        """Acquire the leases of due jobs.

        Args:
            token: The value of the leases: see ``new_token``.
            lease_ms: How long the leases last.
            max_jobs: Jobs to acquire.
            max_ids: Due jobs to check, those of other workers included.
        """
        job_prefix, lease_prefix, starts_prefix = keys.job_keys("")
        next_due_in_ms, more_due, *fields = await self._connection.run(
            _POLL(
                _PollKeys(self._queue),
                _PollArguments(
                    lease_ms,
                    token,
                    max_jobs,
                    max_ids,
                    STARTS_TTL_SECONDS,
                    job_prefix,
                    lease_prefix,
                    starts_prefix,
                ),
            )
        )
        jobs: list[PolledJob] = []
        for name, record, starts, due_ms in zip(
            fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=True
        ):
            try:
                jobs.append(PolledJob(name.decode(), record, starts, int(float(due_ms))))
            except (UnicodeDecodeError, ValueError, OverflowError) as error:
                await self._drop(name, str(error))
        return Poll(
            tuple(jobs),
            next_due_in_ms if next_due_in_ms >= 0 else math.inf,
            more_due == 1,
        )

    async def _drop(self, name: bytes, reason: str) -> None:
        """Remove an entry of the queue that is no job of the router."""
        report("job", text_of(name), reason)
        prefixes = keys.job_keys("")
        redis = self._connection.redis
        await self._connection.ask(redis.zrem(self._queue, name))
        await self._connection.ask(redis.delete(*(each.encode() + name for each in prefixes)))

    async def begin_timer(
        self, job_id: str, token: LeaseToken, record: str, *, set_ms: int = 0
    ) -> tuple[bytes, EarlierBatch | None] | None:
        """Read the timer of a job, and look for a batch that was accepted before it was due.

        Args:
            job_id: The id of the job and of its timer.
            token: The token of its lease.
            record: The key of the timer.
            set_ms: The time in Unix ms that a test has set; 0 for Redis's own.

        Returns:
            The record, and the oldest such batch that is not evaluated; None if there is no such timer.
            Its job has then ended.

        Raises:
            LeaseLostError: The lease has expired, or another worker has it.
        """
        reply: Any = await self._connection.run(
            _BEGIN_TIMER(
                _BeginTimerKeys(record, self._queue, *keys.job_keys(job_id)),
                _BeginTimerArguments(job_id, token, set_ms, keys.parts(""), _WATCH_MS),
            )
        )
        if isinstance(reply, int):
            raise lease_lost(job_id)
        if reply is None:
            return None
        content, *earlier = reply
        if not earlier:
            return content, None
        return content, EarlierBatch(BatchId(earlier[0].decode()), earlier[1] / 1000)

    async def renew(self, leases: Sequence[Lease], lease_ms: int) -> list[bool]:
        """Extend leases by ``lease_ms`` from now; return whether each is extended. Idempotent."""
        if not leases:
            return []
        renewed: list[int] = await self._connection.run(
            _RENEW(
                _RenewKeys(self._queue),
                _RenewArguments(
                    lease_ms,
                    keys.lease(""),
                    pack([_TokenOfJob(lease.job_id, lease.token) for lease in leases]),
                ),
            )
        )
        return [each == 1 for each in renewed]

    async def release_leases(
        self, leases: Sequence[Lease], pause: float | None = None, *, was_run: bool = True
    ) -> list[bool]:
        """Release the leases of jobs that have work left, and forget that they were started.

        Idempotent.

        Args:
            leases: The leases.
            pause: Seconds after which the jobs are due; None if they are due as before.
            was_run: Whether the jobs were run. If not, only the last start is forgotten, because a
                process may have ended during an earlier one.

        Returns:
            For each lease False if another worker has it; it stays as it is.
        """
        calls = [self._release(lease, pause, was_run=was_run) for lease in leases]
        replies = await self._connection.run_all(calls)
        return [reply == 1 for reply in replies]

    def _release(self, lease: Lease, pause: float | None, *, was_run: bool) -> ScriptCall:
        job_id = lease.job_id
        return _RELEASE(
            _ReleaseKeys(self._queue, keys.lease(job_id), keys.starts(job_id)),
            _ReleaseArguments(
                id=job_id,
                token=lease.token,
                due_ms=lease.due_ms,
                pause_ms=None if pause is None else int(pause * 1000),
                was_run=was_run,
            ),
        )

    async def remove(self, job_id: str, token: LeaseToken = NO_TOKEN) -> None:
        """Remove a job, unless another worker has its lease. Idempotent."""
        await self._connection.run(
            _REMOVE(
                _RemoveKeys(self._queue, *keys.job_keys(job_id)),
                _RemoveArguments(job_id, token),
            )
        )

    async def record_health(self, line: str, *, lasts_ms: int) -> None:
        """Write the line that ``arq --check`` reads, followed by the number of queued jobs."""
        await self._connection.run(
            _RECORD_HEALTH(
                _RecordHealthKeys(keys.health_check(self._queue), self._queue),
                _RecordHealthArguments(line, lasts_ms),
            )
        )


def new_token(worker: str, poll: int, *, lease_ms: int) -> LeaseToken:
    """Return the token of the leases that a poll acquires.

    It begins with the length of the lease, by which ``poll.lua`` recognises one that lasts too long.
    """
    return LeaseToken(f"{lease_ms}ms:{worker}:{poll}")


def lease_lost(job_id: str) -> LeaseLostError:
    """Return the error for a job that another worker may have."""
    return LeaseLostError(f"the lease of job {job_id} has expired or another worker has it")


class _PollKeys(ScriptKeys, frozen=True):
    queue: str


class _PollArguments(PlainArguments, frozen=True):
    lease_ms: int
    token: LeaseToken
    max_jobs: int
    max_ids: int
    starts_seconds: int
    job_prefix: str
    lease_prefix: str
    starts_prefix: str


class _BeginTimerKeys(ScriptKeys, frozen=True):
    record: str
    queue: str
    job: str
    lease: str
    starts: str
    timers: str = keys.TIMERS
    open_batches: str = keys.BATCHES
    moves: str = keys.CLOCK_MOVES
    watch: str = keys.TIMER_WATCH


class _BeginTimerArguments(PlainArguments, frozen=True):
    id: str
    token: LeaseToken
    set_ms: int
    parts_prefix: str
    watch_ms: int


class _RenewKeys(ScriptKeys, frozen=True):
    queue: str


class _RenewArguments(PlainArguments, frozen=True):
    lease_ms: int
    lease_prefix: str
    leases: bytes
    """A ``_TokenOfJob`` for each lease, packed."""


class _TokenOfJob(msgspec.Struct, frozen=True, array_like=True):
    id: str
    token: LeaseToken


class _ReleaseKeys(ScriptKeys, frozen=True):
    queue: str
    lease: str
    starts: str


class _ReleaseArguments(PackedArguments, frozen=True):
    id: str
    token: LeaseToken
    due_ms: int
    pause_ms: int | None
    was_run: bool


class _RemoveKeys(ScriptKeys, frozen=True):
    queue: str
    job: str
    lease: str
    starts: str


class _RemoveArguments(PackedArguments, frozen=True):
    id: str
    token: LeaseToken


class _RecordHealthKeys(ScriptKeys, frozen=True):
    health_check: str
    queue: str


class _RecordHealthArguments(PackedArguments, frozen=True):
    line: str
    lasts_ms: int


_POLL: Final = Script("poll", _PollKeys, _PollArguments)
_BEGIN_TIMER: Final = Script("begin_timer", _BeginTimerKeys, _BeginTimerArguments)
_RENEW: Final = Script("renew", _RenewKeys, _RenewArguments)
_RELEASE: Final = Script("release", _ReleaseKeys, _ReleaseArguments)
_REMOVE: Final = Script("remove_job", _RemoveKeys, _RemoveArguments)
_RECORD_HEALTH: Final = Script("record_health", _RecordHealthKeys, _RecordHealthArguments)

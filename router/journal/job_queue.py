"""The jobs of one arq queue: polled, begun, released, removed, each in one transaction."""

import math
from typing import Any, Final

import msgspec

from router.journal import keys
from router.journal.arq_adapter import STARTS_TTL_SECONDS
from router.journal.connection import Connection
from router.journal.script import PackedArguments, PlainArguments, Script, ScriptKeys


class PolledJob(msgspec.Struct, frozen=True):
    """A due job whose lease the worker has acquired."""

    id: str
    record: bytes
    """arq's record of the job; empty if it is missing."""
    starts: int
    """How often the job was started since it last ended, this time included."""


class Poll(msgspec.Struct, frozen=True):
    """The reply to a poll."""

    jobs: tuple[PolledJob, ...]
    next_due_ms: float
    """Unix ms at which the next job is due; infinity if there is none."""
    more_due: bool
    """Whether further jobs may be due already."""


class JobQueue:
    """A queue as its worker uses it. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    async def poll(self, *, now_ms: int, lease_ms: int, max_jobs: int, max_ids: int) -> Poll:
        """Acquire the leases of due jobs.

        Args:
            now_ms: Unix time.
            lease_ms: How long the leases last.
            max_jobs: Jobs to acquire.
            max_ids: Due jobs to check, those of other workers included.
        """
        job_prefix, lease_prefix, starts_prefix = keys.job_keys("")
        next_due_ms, more_due, *fields = await self._connection.run(
            _POLL(
                _PollKeys(self._queue),
                _PollArguments(
                    now_ms,
                    lease_ms,
                    max_jobs,
                    max_ids,
                    STARTS_TTL_SECONDS,
                    job_prefix,
                    lease_prefix,
                    starts_prefix,
                ),
            )
        )
        jobs = zip(fields[::3], fields[1::3], fields[2::3], strict=True)
        due = float(next_due_ms)
        return Poll(
            tuple(PolledJob(job_id.decode(), record, starts) for job_id, record, starts in jobs),
            due if due >= 0 else math.inf,
            more_due == 1,
        )

    async def begin(self, job_id: str, record: str, read_command: str) -> Any:
        """Seal and read the timer or set of a job.

        Args:
            job_id: The id of the job and of its timer or set.
            record: The key of the timer or set.
            read_command: The Redis command that reads it.

        Returns:
            The command's reply. It is None or empty if there is no such record; the job has then
            ended.
        """
        return await self._connection.run(
            _BEGIN(
                _BeginKeys(keys.filling(self._queue), record, self._queue, *keys.job_keys(job_id)),
                _BeginArguments(job_id, read_command),
            )
        )

    async def release(self, job_id: str, due_ms: int | None) -> None:
        """Release the lease of a job that has work left, and forget that it was started.

        Idempotent. The job is due at ``due_ms`` (Unix time); None if its due time stays.
        """
        lease, starts = keys.lease(job_id), keys.starts(job_id)
        await self._connection.run(
            _RELEASE(_ReleaseKeys(self._queue, lease, starts), _ReleaseArguments(job_id, due_ms))
        )

    async def remove(self, job_id: str) -> None:
        """Remove a job. Idempotent."""
        await self._connection.run(
            _REMOVE(
                _RemoveKeys(self._queue, *keys.job_keys(job_id)),
                _RemoveArguments(job_id),
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


class _PollKeys(ScriptKeys, frozen=True):
    queue: str


class _PollArguments(PlainArguments, frozen=True):
    now_ms: int
    lease_ms: int
    max_jobs: int
    max_ids: int
    starts_seconds: int
    job_prefix: str
    lease_prefix: str
    starts_prefix: str


class _BeginKeys(ScriptKeys, frozen=True):
    filling: str
    record: str
    queue: str
    job: str
    lease: str
    starts: str


class _BeginArguments(PlainArguments, frozen=True):
    id: str
    read_command: str


class _ReleaseKeys(ScriptKeys, frozen=True):
    queue: str
    lease: str
    starts: str


class _ReleaseArguments(PackedArguments, frozen=True):
    id: str
    due_ms: int | None


class _RemoveKeys(ScriptKeys, frozen=True):
    queue: str
    job: str
    lease: str
    starts: str


class _RemoveArguments(PackedArguments, frozen=True):
    id: str


class _RecordHealthKeys(ScriptKeys, frozen=True):
    health_check: str
    queue: str


class _RecordHealthArguments(PackedArguments, frozen=True):
    line: str
    lasts_ms: int


_POLL: Final = Script("poll", _PollKeys, _PollArguments)
_BEGIN: Final = Script("begin", _BeginKeys, _BeginArguments)
_RELEASE: Final = Script("release", _ReleaseKeys, _ReleaseArguments)
_REMOVE: Final = Script("remove_job", _RemoveKeys, _RemoveArguments)
_RECORD_HEALTH: Final = Script("record_health", _RecordHealthKeys, _RecordHealthArguments)

"""One shard: read, commit, move the checkpoint; until the shard ends or the lease is lost."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final

from router.errors import (
    JournalUnavailableError,
    OverloadedError,
    StreamRejectedError,
    StreamUnavailableError,
)
from router.events.model import Event, Malformed, Received
from router.ingress.commit import size_of, weight
from router.ingress.intake import Intake
from router.ingress.kinesis.records import decode
from router.ingress.kinesis.stream import Position, StreamClient, StreamRecord
from router.ingress.kinesis.stream_health import StreamHealth
from router.ingress.request_traces import RequestTrace
from router.journal.shards import Checkpoint, ShardId, Shards

logger = logging.getLogger(__name__)

_CHUNK: Final = 500
"""Records that are decoded at once, and events of one commit, at most."""
_CHUNK_BYTES: Final = 1 << 20
"""Bytes of records that are decoded at once, at most, but for one that is larger."""
_FIRST_BACKOFF: Final = 0.5
_MAX_BACKOFF: Final = 10.0


class ShardReader:
    """Reads shards of one stream into the journal.

    Args:
        stream: Reads records.
        shards: Moves checkpoints.
        intake: Commits events.
        health: Is told of failures.
    """

    def __init__(
        self, stream: StreamClient, shards: Shards, intake: Intake, health: StreamHealth
    ) -> None:
        self._stream = stream
        self._shards = shards
        self._commit = intake.commit
        self._traces = intake.traces
        self._admission = intake.admission
        self._clock = intake.clock
        self._limits = intake.record_limits
        self._health = health
        metrics = intake.metrics
        self._max_lag_seconds = metrics.kinesis_lag_seconds
        self._lag_seconds: dict[ShardId, float] = {}
        self._read_at: dict[ShardId, float] = {}
        self._source_record = intake.source_record
        self._accepted = metrics.events_received.labels("kinesis", "accepted")
        self._quarantined = metrics.events_received.labels("kinesis", "quarantined")

    async def read(self, shard: ShardId, checkpoint: Checkpoint) -> None:
        """Read a leased shard from its checkpoint; return at its end, or without the lease.

        A failure is retried for as long as the lease is owned, whatever it is: other shards are
        read on, and the reason is logged, counted and shown by readiness.

        Args:
            shard: The shard.
            checkpoint: How far it was read before.
        """
        try:
            await self._read(shard, checkpoint)
        finally:
            self._record_lag(shard, None)
            self._health.forget(shard)

    async def _read(self, shard: ShardId, checkpoint: Checkpoint) -> None:
        failures = 0
        self._record_lag(shard, 0.0)
        while not checkpoint.ended:
            before = checkpoint
            try:
                async for batch in self._stream.read(shard, _position(checkpoint)):
                    self._health.succeeded(shard)
                    self._record_lag(shard, batch.behind_seconds)
                    moved = await self._commit_records(shard, batch.records, is_last=batch.is_last)
                    if moved is None:
                        logger.warning("shard lease lost", extra={"shard": shard})
                        return
                    checkpoint = moved if moved.after or moved.ended else checkpoint
                    failures = 0
            except (JournalUnavailableError, OverloadedError) as error:
                reason = str(error)
            except StreamUnavailableError as error:
                self._health.failed(shard, error)
                reason = str(error)
            except Exception as error:
                # A fault that only this shard's records or responses cause stops no other shard.
                logger.exception("shard read failed unexpectedly", extra={"shard": shard})
                reason = f"{type(error).__name__} (the log has the details)"
                self._health.failed(shard, StreamRejectedError(reason, "fault"))
            else:
                continue
            failures = failures + 1 if checkpoint == before else 1
            self._let_lag_grow(shard)
            logger.warning(
                "shard read failed and retried", extra={"shard": shard, "reason": reason}
            )
            backoff = min(_MAX_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures, 10))
            await asyncio.sleep(backoff * (0.5 + self._clock.chance() / 2))
        logger.info("shard finished", extra={"shard": shard})

    async def _commit_records(
        self, shard: ShardId, records: Sequence[StreamRecord], *, is_last: bool
    ) -> Checkpoint | None:
        """Make records durable, then move the checkpoint past them; None without the lease."""
        moved = Checkpoint()
        for chunk in _chunks(records):
            self._admission.check()
            received = decode(
                shard, chunk, received_at=self._clock.now(), record_limits=self._limits
            )
            for part in _parts(received):
                await self._commit_part(part)
                self._count(part)
            moved = Checkpoint(after=chunk[-1].sequence)
            if not await self._shards.checkpoint(shard, moved):
                return None
        if is_last:
            moved = Checkpoint(ended=True)
            if not await self._shards.checkpoint(shard, moved):
                return None
        return moved

    async def _commit_part(self, part: Received) -> None:
        trace: RequestTrace | None = None
        if self._traces is not None:
            trace, part = self._traces.begin_records("kinesis", part)
        try:
            await self._commit.commit(part, weight(part, size_of(part)))
        except (JournalUnavailableError, OverloadedError):
            if trace is not None:
                trace.end(error="not_stored")
            raise
        if trace is not None:
            trace.end()

    def _record_lag(self, shard: ShardId, seconds: float | None) -> None:
        """Show the lag of the shard with the largest one. None: the shard is no longer read."""
        if seconds is None:
            self._lag_seconds.pop(shard, None)
            self._read_at.pop(shard, None)
        else:
            self._lag_seconds[shard] = seconds
            self._read_at[shard] = self._clock.monotonic()
        self._max_lag_seconds.set(max(self._lag_seconds.values(), default=0.0))

    def _let_lag_grow(self, shard: ShardId) -> None:
        """Show that a shard that is not read falls behind, although no response says so."""
        elapsed = self._clock.monotonic() - self._read_at[shard]
        self._record_lag(shard, self._lag_seconds[shard] + elapsed)

    def _count(self, received: Received) -> None:
        self._accepted.inc(len(received.events))
        self._source_record.accepted("kinesis", len(received.events), len(received.malformed))
        if received.malformed:
            self._quarantined.inc(len(received.malformed))
            first = received.malformed[0]
            logger.warning(
                "malformed events quarantined",
                extra={
                    "source": "kinesis",
                    "count": len(received.malformed),
                    "reason": f"{first.path}: {first.reason}",
                },
            )


def _position(checkpoint: Checkpoint) -> Position:
    return Position(after=checkpoint.after, since=None if checkpoint.after else checkpoint.since)


def _chunks(records: Sequence[StreamRecord]) -> Iterator[Sequence[StreamRecord]]:
    """Yield records in pieces that are decoded and committed at once."""
    chunk: list[StreamRecord] = []
    size_bytes = 0
    for record in records:
        if chunk and (len(chunk) == _CHUNK or size_bytes + len(record.data) > _CHUNK_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(record)
        size_bytes += len(record.data)
    if chunk:
        yield chunk


def _parts(received: Received) -> Iterator[Received]:
    """Yield events and malformed items in parts of one commit, because a record may have many."""
    items: list[Event | Malformed] = [*received.events, *received.malformed]
    for start in range(0, len(items), _CHUNK):
        part = items[start : start + _CHUNK]
        yield Received(
            [each for each in part if isinstance(each, Event)],
            [each for each in part if isinstance(each, Malformed)],
        )

"""One shard: read, commit, move the checkpoint; until the shard ends or the lease is lost."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import JournalUnavailableError, OverloadedError, StreamUnavailableError
from router.events.model import Received
from router.ingress.admission import AdmissionControl
from router.ingress.commit import EventCommit, weight
from router.ingress.kinesis.records import decode
from router.ingress.kinesis.stream import Position, StreamClient, StreamRecord
from router.journal.shards import Checkpoint, ShardId, Shards
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_CHUNK: Final = 500
"""Records of one commit, at most."""
_FIRST_BACKOFF: Final = 0.5
_MAX_BACKOFF: Final = 10.0


class Intake(msgspec.Struct, frozen=True):
    """The parts that all sources of events of a process share."""

    commit: EventCommit
    admission: AdmissionControl
    metrics: Metrics
    clock: Clock


class ShardReader:
    """Reads shards of one stream into the journal.

    Args:
        stream: Reads records.
        shards: Moves checkpoints.
        intake: Commits events.
    """

    def __init__(self, stream: StreamClient, shards: Shards, intake: Intake) -> None:
        self._stream = stream
        self._shards = shards
        self._commit = intake.commit
        self._admission = intake.admission
        self._clock = intake.clock
        metrics = intake.metrics
        self._max_lag_seconds = metrics.kinesis_lag_seconds
        self._lag_seconds: dict[ShardId, float] = {}
        self._accepted = metrics.events_received.labels("kinesis", "accepted")
        self._quarantined = metrics.events_received.labels("kinesis", "quarantined")

    async def read(self, shard: ShardId, checkpoint: Checkpoint, since: float | None) -> None:
        """Read a leased shard from its checkpoint; return at its end, or without the lease.

        A failure that may pass is retried for as long as the lease is owned.

        Args:
            shard: The shard.
            checkpoint: How far it was read before.
            since: The start without a checkpoint, in Unix seconds; None for the shard's beginning.
        """
        try:
            await self._read(shard, checkpoint, since)
        finally:
            self._record_lag(shard, None)

    async def _read(self, shard: ShardId, checkpoint: Checkpoint, since: float | None) -> None:
        failures = 0
        while not checkpoint.ended:
            before = checkpoint
            try:
                async for batch in self._stream.read(shard, _position(checkpoint, since)):
                    self._record_lag(shard, batch.behind_seconds)
                    moved = await self._commit_records(shard, batch.records, is_last=batch.is_last)
                    if moved is None:
                        logger.warning("shard lease lost", extra={"shard": shard})
                        return
                    checkpoint = moved if moved.after or moved.ended else checkpoint
                    failures = 0
            except (StreamUnavailableError, JournalUnavailableError, OverloadedError) as error:
                failures = failures + 1 if checkpoint == before else 1
                logger.warning(
                    "shard read failed and retried", extra={"shard": shard, "reason": str(error)}
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
            received = decode(shard, chunk, received_at=self._clock.now())
            if received.events or received.malformed:
                size = sum(len(record.data) for record in chunk)
                await self._commit.commit(received, weight(received, size))
                self._count(received)
            moved = Checkpoint(after=chunk[-1].sequence)
            if not await self._shards.checkpoint(shard, moved):
                return None
        if is_last:
            moved = Checkpoint(ended=True)
            if not await self._shards.checkpoint(shard, moved):
                return None
        return moved

    def _record_lag(self, shard: ShardId, seconds: float | None) -> None:
        """Show the lag of the shard with the largest one. None: the shard is no longer read."""
        if seconds is None:
            self._lag_seconds.pop(shard, None)
        else:
            self._lag_seconds[shard] = seconds
        self._max_lag_seconds.set(max(self._lag_seconds.values(), default=0.0))

    def _count(self, received: Received) -> None:
        self._accepted.inc(len(received.events))
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


def _position(checkpoint: Checkpoint, since: float | None) -> Position:
    return Position(after=checkpoint.after) if checkpoint.after else Position(since=since)


def _chunks(records: Sequence[StreamRecord]) -> Iterator[Sequence[StreamRecord]]:
    for start in range(0, len(records), _CHUNK):
        yield records[start : start + _CHUNK]

"""Leases and checkpoints of a stream's shards, shared by all consumers of the stream.

A lease says which consumer reads a shard, and expires after its consumer dies. A checkpoint says up
to which event a shard is in the journal. Only the consumer that has the lease can move it, so that
a consumer that was suspended cannot move it back. A crash between the commands causes repeats only:
events are committed before their checkpoint, and a repeat is dropped when it is evaluated.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NewType

import msgspec

from router.journal import stream_keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys

ConsumerId = NewType("ConsumerId", str)
ShardId = NewType("ShardId", str)
StreamDigest = NewType("StreamDigest", str)
"""Names the keys of one stream, see ``router.journal.streams``."""

_ENDED: Final = b"ended"


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a shard is read."""

    after: str = ""
    """A sequence number; ``""`` if nothing is read."""
    ended: bool = False
    """Whether the shard is closed and read to its end."""
    since: float | None = None
    """Unix seconds at which to begin if nothing is read; None for the oldest record."""


class ConsumerGroup(msgspec.Struct, frozen=True):
    """The consumers of a stream and their leases."""

    consumers: tuple[ConsumerId, ...]
    """The consumers that are alive."""
    holders: dict[ShardId, ConsumerId]
    """The consumer that has the lease of a shard."""
    ended: frozenset[ShardId]
    """The shards that are read to their end."""


class Shards:
    """The leases and checkpoints of one consumer. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        stream: The stream's digest.
        me: The id of this consumer.
        lease: Seconds that a lease lasts.
    """

    def __init__(
        self, connection: Connection, stream: StreamDigest, me: ConsumerId, *, lease: float
    ) -> None:
        self._connection = connection
        self._stream = stream
        self.me = me
        self._lease_ms = int(lease * 1000)

    async def heartbeat(self, shards: Sequence[ShardId]) -> ConsumerGroup:
        """Record that this consumer is alive; return the consumers and the leases of ``shards``."""
        call = _HEARTBEAT(
            _HeartbeatKeys(stream_keys.stream_consumers(self._stream)),
            _HeartbeatArguments(self.me, self._lease_ms),
        )
        consumers: list[bytes] = await self._connection.run(call)
        holders: list[bytes | None] = []
        positions: list[bytes | None] = []
        if shards:
            redis = self._connection.redis
            holders = await self._connection.ask(redis.mget(list(map(self._lease, shards))))
            positions = await self._connection.ask(
                redis.hmget(stream_keys.stream_checkpoints(self._stream), list(shards))
            )
        return ConsumerGroup(
            consumers=tuple(ConsumerId(each.decode()) for each in consumers),
            holders={
                shard: ConsumerId(holder.decode())
                for shard, holder in zip(shards, holders, strict=True)
                if holder is not None
            },
            ended=frozenset(
                shard
                for shard, position in zip(shards, positions, strict=True)
                if position == _ENDED
            ),
        )

    async def acquire(self, shard: ShardId, since: float | None) -> Checkpoint | None:
        """Acquire the lease of a shard; None if another consumer has it. Idempotent.

        Args:
            shard: The shard.
            since: Unix seconds at which to begin in a stream that was never read, None for its
                oldest record. The first consumer's counts for all, because a shard may be acquired
                for the first time long after.
        """
        call = _ACQUIRE(
            _AcquireKeys(self._lease(shard), stream_keys.stream_checkpoints(self._stream)),
            _AcquireArguments(self.me, self._lease_ms, shard, str(since or 0)),
        )
        acquired, position, start = await self._connection.run(call)
        if not acquired:
            return None
        if position == _ENDED:
            return Checkpoint(ended=True)
        return Checkpoint(after=position.decode(errors="replace"), since=_seconds(start))

    async def renew(self, shards: Sequence[ShardId]) -> set[ShardId]:
        """Renew leases; return the shards whose lease this consumer still has."""
        if not shards:
            return set()
        call = _RENEW(
            _RenewKeys(tuple(map(self._lease, shards))), _RenewArguments(self.me, self._lease_ms)
        )
        renewed: list[int] = await self._connection.run(call)
        return {shard for shard, mine in zip(shards, renewed, strict=True) if mine}

    async def checkpoint(self, shard: ShardId, checkpoint: Checkpoint) -> bool:
        """Record how far a shard is in the journal. False, unchanged, if the lease is lost."""
        position = _ENDED.decode() if checkpoint.ended else checkpoint.after
        call = _CHECKPOINT(
            _CheckpointKeys(self._lease(shard), stream_keys.stream_checkpoints(self._stream)),
            _CheckpointArguments(self.me, self._lease_ms, shard, position),
        )
        return bool(await self._connection.run(call))

    async def release(self, shards: Iterable[ShardId]) -> None:
        """Release leases, so that other consumers need not wait until they expire."""
        leases = tuple(map(self._lease, shards))
        if leases:
            await self._connection.run(
                _RELEASE(_ReleaseShardKeys(leases), _ReleaseShardArguments(self.me))
            )

    async def deregister(self) -> None:
        """Delete this consumer from the consumers that are alive."""
        redis = self._connection.redis
        await self._connection.ask(redis.zrem(stream_keys.stream_consumers(self._stream), self.me))

    def _lease(self, shard: ShardId) -> str:
        return stream_keys.shard_lease(self._stream, shard)


def _seconds(start: bytes) -> float | None:
    """Return a stream's start; None, its oldest record, for 0 and for what is no number."""
    try:
        seconds = float(start)
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


class _HeartbeatKeys(ScriptKeys, frozen=True):
    consumers: str


class _HeartbeatArguments(PackedArguments, frozen=True):
    consumer: ConsumerId
    lease_ms: int


class _AcquireKeys(ScriptKeys, frozen=True):
    lease: str
    checkpoints: str


class _AcquireArguments(PackedArguments, frozen=True):
    consumer: ConsumerId
    lease_ms: int
    shard: ShardId
    start: str


class _RenewKeys(ScriptKeys, frozen=True):
    leases: tuple[str, ...]


class _RenewArguments(PackedArguments, frozen=True):
    consumer: ConsumerId
    lease_ms: int


class _CheckpointKeys(ScriptKeys, frozen=True):
    lease: str
    checkpoints: str


class _CheckpointArguments(PackedArguments, frozen=True):
    consumer: ConsumerId
    lease_ms: int
    shard: ShardId
    position: str


class _ReleaseShardKeys(ScriptKeys, frozen=True):
    leases: tuple[str, ...]


class _ReleaseShardArguments(PackedArguments, frozen=True):
    consumer: ConsumerId


_HEARTBEAT: Final = Script("shard_heartbeat", _HeartbeatKeys, _HeartbeatArguments)
_ACQUIRE: Final = Script("shard_acquire", _AcquireKeys, _AcquireArguments)
_RENEW: Final = Script("shard_renew", _RenewKeys, _RenewArguments)
_CHECKPOINT: Final = Script("shard_checkpoint", _CheckpointKeys, _CheckpointArguments)
_RELEASE: Final = Script("shard_release", _ReleaseShardKeys, _ReleaseShardArguments)

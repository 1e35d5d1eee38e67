"""Leases and checkpoints of a stream's shards, shared by all consumers of the stream.

A lease says who reads a shard; it ends by itself when its consumer dies. A checkpoint says how far
a shard's events are in the journal; only the holder of the lease can move it, so that a consumer
that was believed dead cannot move it back. Between the commands, a crash costs repeats only:
events are committed before their checkpoint, and a repeat is dropped when it is evaluated.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, NewType

import msgspec

from router.journal import keys
from router.journal.connection import Connection, Script

ConsumerId = NewType("ConsumerId", str)
ShardId = NewType("ShardId", str)

_ACQUIRE = Script("shard_acquire")
_RENEW = Script("shard_renew")
_CHECKPOINT = Script("shard_checkpoint")
_RELEASE = Script("shard_release")
_HEARTBEAT = Script("shard_heartbeat")
_ENDED: Final = b"ended"
_START: Final = "start"


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a shard is read. ``after`` is a sequence number, ``""`` for none yet."""

    after: str = ""
    ended: bool = False


class ConsumerGroup(msgspec.Struct, frozen=True):
    """What all consumers see."""

    consumers: tuple[ConsumerId, ...]
    """Those alive."""
    holders: dict[ShardId, ConsumerId]
    ended: frozenset[ShardId]


class Shards:
    """One consumer's side of a stream. ``stream`` is its ARN, ``lease`` is in seconds."""

    def __init__(
        self, connection: Connection, stream: str, me: ConsumerId, *, lease: float
    ) -> None:
        self._connection = connection
        self._stream = blake2b(stream.encode(), digest_size=8).hexdigest()
        self.me = me
        self._lease_ms = int(lease * 1000)

    async def first_read_at(self, now: float) -> float:
        """When the stream was first read, in Unix seconds: ``at`` if that is now."""
        checkpoints = keys.stream_checkpoints(self._stream)
        redis = self._connection.redis
        await self._connection.ask(redis.hsetnx(checkpoints, _START, str(now)))
        return float(await self._connection.ask(redis.hget(checkpoints, _START)))

    async def heartbeat(self, shards: Sequence[ShardId]) -> ConsumerGroup:
        """Say that this consumer is alive, and see what the others do."""
        consumers: list[bytes] = await self._connection.run(
            _HEARTBEAT, [keys.stream_consumers(self._stream)], [self.me, self._lease_ms]
        )
        holders: list[bytes | None] = []
        positions: list[bytes | None] = []
        if shards:
            redis = self._connection.redis
            holders = await self._connection.ask(redis.mget(list(map(self._lease, shards))))
            positions = await self._connection.ask(
                redis.hmget(keys.stream_checkpoints(self._stream), list(shards))
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

    async def acquire(self, shard: ShardId) -> Checkpoint | None:
        """Lease a shard that is free or mine already; None when somebody else has it."""
        mine, position = await self._connection.run(
            _ACQUIRE,
            [self._lease(shard), keys.stream_checkpoints(self._stream)],
            [self.me, self._lease_ms, shard],
        )
        if not mine:
            return None
        if position == _ENDED:
            return Checkpoint(ended=True)
        return Checkpoint(after=position.decode())

    async def renew(self, shards: Sequence[ShardId]) -> set[ShardId]:
        """Renew leases; those that are mine still."""
        if not shards:
            return set()
        kept: list[int] = await self._connection.run(
            _RENEW, list(map(self._lease, shards)), [self.me, self._lease_ms]
        )
        return {shard for shard, mine in zip(shards, kept, strict=True) if mine}

    async def checkpoint(self, shard: ShardId, checkpoint: Checkpoint) -> bool:
        """Record how far the journal has a shard. False when the lease is lost; nothing moved."""
        position = _ENDED.decode() if checkpoint.ended else checkpoint.after
        moved = await self._connection.run(
            _CHECKPOINT,
            [self._lease(shard), keys.stream_checkpoints(self._stream)],
            [self.me, self._lease_ms, shard, position],
        )
        return bool(moved)

    async def release(self, shards: Iterable[ShardId]) -> None:
        """Give leases up, so that nobody waits for them to end."""
        names = list(map(self._lease, shards))
        if names:
            await self._connection.run(_RELEASE, names, [self.me])

    async def deregister(self) -> None:
        """Be counted among the consumers no longer."""
        redis = self._connection.redis
        await self._connection.ask(redis.zrem(keys.stream_consumers(self._stream), self.me))

    def _lease(self, shard: ShardId) -> str:
        return keys.shard_lease(self._stream, shard)

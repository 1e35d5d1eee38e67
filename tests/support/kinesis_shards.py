"""The streams and shards of the tests' own Kinesis, without its protocol.

Unlike moto's, a shard that was split or merged takes no more records, and an aged one is not listed any
more. Sequence numbers begin with the same number in each stream, as those of local servers do: a
checkpoint of a deleted stream points into the middle of its successor.

Source: Amazon Kinesis Data Streams, developer guide ("Resharding a stream"; "Retention").
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable

import msgspec

_LAST_KEY = 2**128 - 1


class ShardRecord(msgspec.Struct, frozen=True):
    sequence: int
    data: bytes
    key: str
    at: float


class StreamShard(msgspec.Struct):
    id: str
    low: int
    high: int
    parents: tuple[str, ...] = ()
    records: list[ShardRecord] = []
    ended_at: int | None = None
    """The sequence number with which it was closed."""

    def described(self) -> dict[str, object]:
        numbers = {"StartingSequenceNumber": "1"}
        if self.ended_at is not None:
            numbers["EndingSequenceNumber"] = str(self.ended_at)
        parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), self.parents, strict=False))
        keys = {"StartingHashKey": str(self.low), "EndingHashKey": str(self.high)}
        return {
            "ShardId": self.id,
            "HashKeyRange": keys,
            "SequenceNumberRange": numbers,
            **parents,
        }


class ShardedStream:
    """One stream. ``put``, ``split``, ``merge`` and ``forget`` are what producers and time do to it."""

    def __init__(
        self, name: str, arn: str, shards: int, created: float, now: Callable[[], float]
    ) -> None:
        self.name = name
        self.arn = arn
        self.created = created
        self.shards: dict[str, StreamShard] = {}
        """Those that Kinesis still knows."""
        self._now = now
        self._numbers = itertools.count(1000)
        self._ids = itertools.count()
        width = (_LAST_KEY + 1) // shards
        for number in range(shards):
            last = _LAST_KEY if number == shards - 1 else (number + 1) * width - 1
            self._add(number * width, last)

    def _add(self, low: int, high: int, *parents: StreamShard) -> StreamShard:
        shard = StreamShard(
            f"shardId-{next(self._ids):012d}", low, high, tuple(each.id for each in parents)
        )
        self.shards[shard.id] = shard
        for parent in parents:
            parent.ended_at = next(self._numbers)
        return shard

    def open_shards(self) -> list[StreamShard]:
        return [shard for shard in self.shards.values() if shard.ended_at is None]

    def put(self, bodies: Iterable[bytes], *, key: str = "") -> None:
        """Put records, spread over the open shards unless they share a ``key``."""
        for number, body in enumerate(bodies):
            name = key or f"{number}"
            digest = int(hashlib.md5(name.encode()).hexdigest(), 16)  # noqa: S324 - Kinesis's own
            (shard,) = [each for each in self.open_shards() if each.low <= digest <= each.high]
            self.put_into(shard, [body], key=name)

    def put_into(self, shard: StreamShard, bodies: Iterable[bytes], *, key: str = "k") -> None:
        assert shard.ended_at is None, "Kinesis closes a shard before its children open"
        shard.records += [
            ShardRecord(next(self._numbers), body, key, self._now()) for body in bodies
        ]

    def split(self, shard: StreamShard | None = None) -> tuple[StreamShard, StreamShard]:
        """Split an open shard, the first unless it is given."""
        shard = shard or self.open_shards()[0]
        middle = (shard.low + shard.high) // 2
        return self._add(shard.low, middle, shard), self._add(middle + 1, shard.high, shard)

    def merge(self) -> StreamShard:
        """Merge two adjacent open shards."""
        one, other = next(
            (one, other)
            for one in self.open_shards()
            for other in self.open_shards()
            if one.high + 1 == other.low
        )
        return self._add(one.low, other.high, one, other)

    def forget(self, shard: StreamShard) -> None:
        """Delete a closed shard whose last record is older than the retention period."""
        assert shard.ended_at is not None
        del self.shards[shard.id]

    def age(self, seconds: float) -> None:
        """Let all records be older."""
        for shard in self.shards.values():
            shard.records = [
                msgspec.structs.replace(each, at=each.at - seconds) for each in shard.records
            ]

    def trim(self, shard: StreamShard, count: int) -> None:
        """Delete the oldest records of a shard, because of their age."""
        del shard.records[:count]

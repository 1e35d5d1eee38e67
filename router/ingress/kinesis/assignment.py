"""Shard assignment: which shards a consumer acquires and releases. Pure.

A shard is read after its parents: a reshard ends the old shards, and they contain what was put
before it. Shards are spread so that no two consumers differ by more than one. Each consumer decides
for itself, from what all of them see.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from router.journal.shards import ConsumerId, ShardId


class Shard(msgspec.Struct, frozen=True):
    """A shard as ListShards returns it."""

    id: ShardId
    parents: tuple[ShardId, ...] = ()
    """The shards that a reshard made it from."""
    is_closed: bool = False
    """Whether it was split or merged, so that it gets no more records."""


class ShardAssignment(msgspec.Struct, frozen=True):
    """The changes that a consumer makes now."""

    acquire: tuple[ShardId, ...] = ()
    release: tuple[ShardId, ...] = ()


def readable(shards: Sequence[Shard], ended: Collection[ShardId]) -> list[ShardId]:
    """Return the shards that are not finished, and whose parents are finished or expired."""
    listed = {shard.id for shard in shards}
    return [
        shard.id
        for shard in shards
        if shard.id not in ended
        and all(parent in ended or parent not in listed for parent in shard.parents)
    ]


def plan(
    candidates: Sequence[ShardId],
    holders: Mapping[ShardId, ConsumerId],
    consumers: Collection[ConsumerId],
    me: ConsumerId,
) -> ShardAssignment:
    """Return the changes that bring an even spread closer.

    At most one shard is released at a time, because the consumer with too few needs a moment to
    acquire it.

    Args:
        candidates: The shards that can be read.
        holders: The leases in force.
        consumers: All live consumers.
        me: This consumer.
    """
    counts: Counter[ConsumerId] = Counter(dict.fromkeys({*consumers, me}, 0))
    counts.update(holders[shard] for shard in candidates if shard in holders)
    free = [shard for shard in candidates if shard not in holders]
    fair = -(-len(candidates) // len({*consumers, me}))
    wanted = max(0, fair - counts[me])
    if free:
        return ShardAssignment(acquire=tuple(free[:wanted]))
    mine = [shard for shard in candidates if holders.get(shard) == me]
    fewest = min(counts[consumer] for consumer in {*consumers, me})
    if len(mine) - fewest > 1:
        return ShardAssignment(release=(mine[-1],))
    return ShardAssignment()

"""Which shards a consumer should take and give up (pure).

A shard is read after its parents: a reshard ends the old shards, and what was put before it stands
in them. Shards are spread so that no two consumers differ by more than one; each consumer decides
for itself, from what all of them see.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from router.journal.shards import ConsumerId, ShardId


class Shard(msgspec.Struct, frozen=True):
    """A shard as ListShards gives it, with those that a reshard made it from."""

    id: ShardId
    parents: tuple[ShardId, ...] = ()


class ShardAssignment(msgspec.Struct, frozen=True):
    """What to change now."""

    take: tuple[ShardId, ...] = ()
    give_up: tuple[ShardId, ...] = ()


def readable(shards: Sequence[Shard], ended: Collection[ShardId]) -> list[ShardId]:
    """The shards that are not read to their end while all their parents are, or are gone."""
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
    """How to come closer to an even spread of ``candidates``.

    ``holders`` are the leases in force, ``consumers`` all that are alive, ``me`` included. At most
    one shard is given up at a time: whoever has too few needs a moment to take it.
    """
    held: Counter[ConsumerId] = Counter(dict.fromkeys({*consumers, me}, 0))
    held.update(holders[shard] for shard in candidates if shard in holders)
    free = [shard for shard in candidates if shard not in holders]
    fair = -(-len(candidates) // len({*consumers, me}))
    room = max(0, fair - held[me])
    if free:
        return ShardAssignment(take=tuple(free[:room]))
    mine = [shard for shard in candidates if holders.get(shard) == me]
    fewest = min(held[consumer] for consumer in {*consumers, me})
    if len(mine) - fewest > 1:
        return ShardAssignment(give_up=(mine[-1],))
    return ShardAssignment()

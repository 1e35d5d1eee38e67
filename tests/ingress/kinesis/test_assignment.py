"""Which shards a consumer acquires and releases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ingress.kinesis.assignment import Shard, ShardAssignment, plan, readable
from router.journal.shards import ConsumerId, ShardId


def shard(name: str, *parents: str) -> Shard:
    return Shard(ShardId(name), tuple(map(ShardId, parents)))


@pytest.mark.parametrize(
    ("shards", "ended", "expected"),
    [
        ([shard("a"), shard("b")], set(), ["a", "b"]),
        ([shard("a"), shard("b", "a"), shard("c", "a")], set(), ["a"]),
        ([shard("a"), shard("b", "a"), shard("c", "a")], {"a"}, ["b", "c"]),
        ([shard("a"), shard("b"), shard("c", "a", "b")], {"a"}, ["b"]),
        ([shard("a"), shard("b"), shard("c", "a", "b")], {"a", "b"}, ["c"]),
        # The parent's records have expired, so that it is not listed any more.
        ([shard("b", "a")], set(), ["b"]),
    ],
)
def test_a_shard_is_read_after_its_parents(
    shards: list[Shard], ended: set[ShardId], expected: list[str]
) -> None:
    assert readable(shards, ended) == expected


@pytest.mark.parametrize(
    ("holders", "consumers", "expected"),
    [
        ({}, "x", ShardAssignment(acquire=("1", "2", "3", "4"))),
        ({}, "xy", ShardAssignment(acquire=("1", "2"))),
        ({"1": "y", "2": "y"}, "xy", ShardAssignment(acquire=("3", "4"))),
        ({"1": "y", "2": "y", "3": "y", "4": "y"}, "xy", ShardAssignment()),
        ({"1": "x", "2": "x", "3": "x", "4": "x"}, "xy", ShardAssignment(release=("4",))),
        ({"1": "x", "2": "x", "3": "x", "4": "y"}, "xy", ShardAssignment(release=("3",))),
        ({"1": "x", "2": "x", "3": "y", "4": "y"}, "xyz", ShardAssignment(release=("2",))),
        ({"1": "x", "2": "y", "3": "z", "4": "z"}, "xyz", ShardAssignment()),
        # A dead consumer still owns a lease: it is waited for.
        ({"1": "x", "2": "x", "3": "dead", "4": "dead"}, "x", ShardAssignment()),
    ],
)
def test_a_consumer_acquires_its_share_and_releases_what_is_more(
    holders: dict[ShardId, ConsumerId], consumers: str, expected: ShardAssignment
) -> None:
    shards = [ShardId(name) for name in "1234"]

    assert plan(shards, holders, {ConsumerId(c) for c in consumers}, ConsumerId("x")) == expected


@given(st.integers(1, 12), st.integers(1, 5), st.randoms(use_true_random=False))
def test_consumers_that_plan_independently_reach_an_even_spread(
    shard_count: int, consumer_count: int, random: object
) -> None:
    shards = [ShardId(str(number)) for number in range(shard_count)]
    consumers = [ConsumerId(str(number)) for number in range(consumer_count)]
    holders = {name: random.choice(consumers) for name in shards if random.random() < 0.7}  # type: ignore[attr-defined]

    for _ in range(4 * shard_count):
        for me in consumers:
            change = plan(shards, holders, consumers, me)
            for name in change.release:
                del holders[name]
            holders |= dict.fromkeys(change.acquire, me)

    counts = [list(holders.values()).count(consumer) for consumer in consumers]
    assert sum(counts) == shard_count
    assert max(counts) - min(counts) <= 1

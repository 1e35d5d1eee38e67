"""A batch is finished part by part: a rerun begins with the rest, and no part is finished twice."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import event_from

from router.clock import Clock
from router.events.model import Event, Received
from router.journal import keys, ledger
from router.journal.batch_parts import StoredEvents
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId

FIRST = BatchId("id0001")
PACK = msgspec.msgpack.encode


def applied(payloads: list[bytes], events: StoredEvents, finished: set[int]) -> list[bytes] | None:
    """Do to a list what the script does to the batch."""
    rest = events.take(finished)
    if rest is None:
        return None
    left = list(payloads)
    for each in rest.rewritten:
        left[each.at] = bytes(each.events)[5:]
    return left[rest.dropped :]


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    steps=st.lists(st.sets(st.integers(0, 20)), max_size=6),
)
def test_what_remains_is_what_was_not_finished(sizes: list[int], steps: list[set[int]]) -> None:
    """Mutant: ``take`` does not drop payloads that became empty before."""
    left = set(range(sum(sizes)))
    numbers = iter(range(sum(sizes)))
    payloads: list[bytes] | None = [PACK([next(numbers) for _ in range(size)]) for size in sizes]
    assert payloads is not None
    events = StoredEvents(payloads, [True] * 99)
    for finished in steps:
        payloads = applied(payloads, events, finished)
        left -= finished
        if payloads is None:
            break
        assert sorted(each for one in payloads for each in msgspec.msgpack.decode(one)) == sorted(
            left
        )
    assert (payloads is None) == (not left)


@pytest.mark.fault_row(12)
async def test_a_rerun_begins_with_what_a_part_left(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    """Mutant: ``finish.lua`` without the comparison of ``parts``; the ledger counts 4 events."""
    batches = Batches(connection, clock)
    one, two, three = (event_from(sample, id=f"NO{number}") for number in range(3))
    await batches.accept([Received([one, two], [])])
    await batches.accept([Received([three, one], [])])
    begun = await batches.begin(FIRST, claim_seconds=100)
    assert begun is not None
    rest = StoredEvents(begun.payloads, begun.claims).take({0, 3})
    part = FinishedWork(matched=1, duplicate=1)

    won = [await batches.finish(FIRST, part, part=0, rest=rest) for _ in range(2)]

    assert await connection.redis.ttl(keys.parts(FIRST)) > 0  # an older worker does not delete it
    again = await batches.begin(FIRST, claim_seconds=100)
    assert again is not None
    assert won == [True, False]
    assert (again.events, again.claims, again.part) == ([two, three], [True, True], 1)
    assert not await batches.finish(FIRST, FinishedWork(matched=2), part=0)
    assert await batches.finish(FIRST, FinishedWork(matched=2), part=1)
    counters = await ledger.read(connection)
    assert (counters.matched, counters.duplicate, counters.pending) == (3, 1, 0)
    assert await left_of(connection, FIRST) == []


async def left_of(connection: Connection, batch_id: BatchId) -> list[bytes]:
    """Return the keys that name the batch."""
    found: list[bytes] = await connection.redis.keys(f"*{batch_id}*")
    return found


def test_an_event_is_not_decoded_to_remain() -> None:
    """A newer router may have added fields. Mutant: ``_decode`` of ``list[Event]``."""
    newer = [*PACKED_EVENT, "a field of a newer version"]

    rest = StoredEvents([PACK([PACKED_EVENT, newer])], [True, True]).take({0})

    assert rest is not None
    (rewritten,) = rest.rewritten
    assert msgspec.msgpack.decode(bytes(rewritten.events)[5:]) == [newer]


PACKED_EVENT = list(msgspec.structs.astuple(Event("id", "s", "t", "", "key", 1.0, b"{}")))

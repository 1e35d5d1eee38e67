"""Events of history are accepted again, and are no duplicates of themselves."""

import msgspec
import pytest
from support.events import event_from

from router.clock import Clock
from router.events.model import Received
from router.journal import event_replay, keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.event_replay import replay_events
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId


async def test_a_replayed_event_is_evaluated_again_although_it_is_claimed(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    batches, event = Batches(connection, clock), event_from(sample)
    await batches.accept([Received([event], [])])
    await batches.begin(BatchId("id0001"), claim_seconds=100)
    await batches.finish(BatchId("id0001"), FinishedWork(filtered=1))

    assert await replay_events(connection, clock, [event]) == 1

    (batch,) = await connection.redis.zrange(keys.BATCHES, 0, 9)
    begun = await batches.begin(BatchId(batch.decode()), claim_seconds=100)
    assert begun is not None
    assert (begun.events, begun.claims) == ([event], [True])
    assert (await ledger.read(connection)).pending == 1


async def test_a_replay_is_cut_into_batches_by_number_and_by_bytes(
    connection: Connection, clock: Clock, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_replay, "REPLAYED_AT_ONCE", 3)
    monkeypatch.setattr(event_replay, "REPLAYED_BYTES", 100)
    small = msgspec.structs.replace(event_from(sample), body=b"{}")
    events = [small] * 4 + [msgspec.structs.replace(small, body=b" " * 200)] * 2

    assert await replay_events(connection, clock, events) == 6

    sizes = []
    for batch in await connection.redis.zrange(keys.BATCHES, 0, 9):
        (payload,) = await connection.redis.lrange(keys.batch(BatchId(batch.decode())), 0, 9)
        sizes.append(len(msgspec.msgpack.decode(payload)))
    assert sizes == [3, 1, 1, 1]

"""An event that no worker has evaluated yet is found in its batch."""

import pytest
from support.events import event_from

from router.clock import Clock
from router.events.model import Received
from router.journal import keys, waiting_events
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.waiting_events import WaitingSearch, find_waiting


async def test_an_event_is_found_by_its_id_and_its_source(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    batches = Batches(connection, clock)
    event = event_from(sample, id="ö/1", source="here")
    await batches.accept([Received([event_from(sample), event], [])])
    await connection.redis.rpush(keys.batch(keys.BatchId("id0001")), "ö/1 is no msgpack")

    assert await find_waiting(connection, "ö/1") == WaitingSearch(event, True)
    assert await find_waiting(connection, "ö/1", "here") == WaitingSearch(event, True)
    assert await find_waiting(connection, "ö/1", "there") == WaitingSearch(None, True)
    assert await find_waiting(connection, "here") == WaitingSearch(None, True)


async def test_a_search_of_a_large_backlog_ends_and_says_that_it_was_cut_short(
    connection: Connection, clock: Clock, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_events, "_BYTES", 1)
    await Batches(connection, clock).accept([Received([event_from(sample)], [])])
    assert await find_waiting(connection, "none") == WaitingSearch(None, False)

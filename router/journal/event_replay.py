"""Events that were evaluated before are accepted again, past the claims that make them duplicates."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.events.model import Event
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.script import PlainArguments, Script, ScriptKeys

REPLAYED_AT_ONCE: Final = 100
"""Events of one batch."""
REPLAYED_BYTES: Final = 4 << 20
"""The most bytes of one batch, unless it is a single event."""
_encode = msgspec.msgpack.encode


async def replay_events(connection: Connection, clock: Clock, events: Sequence[Event]) -> int:
    """Accept events again, in their order; return how many.

    A worker evaluates them as new ones. Their alerts and deliveries have the ids that they had before.

    Raises:
        JournalUnavailableError: Redis did not answer in time; some may be accepted.
    """
    replayed = 0
    for part in _parts(events):
        batch_id = BatchId(clock.new_id())
        call = _REPLAY(
            _ReplayEventsKeys(
                batch=keys.batch(batch_id),
                digests=keys.digests(batch_id),
                open_batches=keys.BATCHES,
                queue=keys.EVALUATE_QUEUE,
                job=keys.job(batch_id),
                ledger=keys.LEDGER,
            ),
            _ReplayEventsArguments(
                batch_id=batch_id,
                set_ms=clock.journal_ms(),
                job_record=jobs.payload(jobs.EVALUATE, int(clock.now() * 1000)),
                wake_channel=keys.wake_channel(keys.EVALUATE_QUEUE),
                payload=_encode(part),
                events=len(part),
            ),
        )
        replayed += int(await connection.run(call))
    return replayed


def _parts(events: Sequence[Event]) -> Iterator[list[Event]]:
    part: list[Event] = []
    size = 0
    for event in events:
        if part and (len(part) == REPLAYED_AT_ONCE or size + len(event.body) > REPLAYED_BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.body)
    if part:
        yield part


class _ReplayEventsKeys(ScriptKeys, frozen=True):
    batch: str
    digests: str
    open_batches: str
    queue: str
    job: str
    ledger: str


class _ReplayEventsArguments(PlainArguments, frozen=True):
    batch_id: BatchId
    set_ms: int
    job_record: bytes
    wake_channel: str
    payload: bytes
    """The events, as a msgpack array."""
    events: int
    """How many they are."""


_REPLAY: Final = Script("replay_events", _ReplayEventsKeys, _ReplayEventsArguments)

"""Input that could not be decoded or evaluated: listed, replayed, discarded.

A replay decodes the input as ingress does and accepts it as a new event, or as several: a request of a
source is mapped again. Input that still cannot be decoded or mapped stays in quarantine.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import EventError, RecordError
from router.events.decode import decode_strictly
from router.events.model import Event, UnmappedRequest
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.discard import discard
from router.journal.finish import Quarantined
from router.journal.keys import BatchId
from router.journal.pagination import (
    Finder,
    IndexedRecords,
    Matches,
    PageCursor,
    TimeRange,
    page,
    page_of_ids,
    records_of,
)
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import UNREADABLE, report

_STORED: Final = IndexedRecords(keys.QUARANTINE, keys.QUARANTINE_INDEX)
_encode = msgspec.msgpack.encode
_reader = RecordReader(
    "quarantined item", msgspec.msgpack.Decoder(Quarantined).decode, version=version_of_map
)


class QuarantineRecord(msgspec.Struct, frozen=True):
    """A quarantined item and its id in quarantine."""

    id: str
    record: Quarantined


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items. An empty field matches any."""

    ids: tuple[str, ...] = ()
    reason: str = ""
    """Text that the reason contains, in any case of letters."""
    span: TimeRange = TimeRange()
    """When they were quarantined."""

    def matches(self, item: QuarantineRecord) -> bool:
        """Return whether ``reason`` matches."""
        return self.reason.lower() in item.record.reason.lower()


Remap = Callable[[UnmappedRequest, bytes, float], Sequence[Event] | None]
"""Maps the request of a source again, of which it gets the rest, the body and the time in Unix seconds.

Returns its events, or None if it still cannot be mapped.
"""


def no_source(request: UnmappedRequest, body: bytes, received_at: float) -> None:
    """Map nothing, in a process that has no sources."""
    del request, body, received_at


class Quarantine:
    """The quarantine. All methods raise JournalUnavailableError.

    Args:
        connection: The Redis that has it.
        clock: Time and ids.
        remap: Maps requests of sources.
    """

    def __init__(self, connection: Connection, clock: Clock, remap: Remap = no_source) -> None:
        self._connection = connection
        self._remap = remap
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def get(self, item_id: str) -> QuarantineRecord | None:
        """Return an item; None if there is none with this id."""
        found = await records_of(self._connection, _STORED, [item_id])
        return _readable(*found[0]) if found else None

    def find(
        self, wanted: QuarantineFilter, *, newest_first: bool = True
    ) -> Finder[QuarantineRecord]:
        """Return a finder for the items that match a filter."""

        async def find_page(after: PageCursor | None, count: int) -> Matches[QuarantineRecord]:
            if wanted.ids:
                found = await page_of_ids(self._connection, _STORED, wanted.ids, after, count=count)
            else:
                found = await page(
                    self._connection,
                    _STORED,
                    wanted.span,
                    after,
                    count=count,
                    newest_first=newest_first,
                )
            items = (_readable(*item) for item in found.items)
            fitting = (item for item in items if wanted.matches(item))
            return Matches(tuple(fitting), found.after, found.size)

        return find_page

    @property
    def overtaken(self) -> int:
        """Nothing in quarantine is overtaken."""
        return 0

    async def replay(self, items: Sequence[QuarantineRecord]) -> int:
        """Accept up to CHUNK items again; return how many left the quarantine."""
        events = []
        for item in items:
            found = self._events(item.record)
            if found is not None:
                seen = keys.seen(keys.event_digest(found[0].key)) if found else ""
                payload = binary(_encode(found))
                events.append(
                    _ReplayedEvent(item.id, item.record.claimed_by, seen, payload, len(found))
                )
        if not events:
            return 0
        now_ms = int(self._now() * 1000)
        batch_id = BatchId(self._new_id())
        return int(
            await self._connection.run(
                _REPLAY(
                    _ReplayQuarantinedKeys(
                        quarantine=keys.QUARANTINE,
                        quarantine_index=keys.QUARANTINE_INDEX,
                        batch=keys.batch(batch_id),
                        digests=keys.digests(batch_id),
                        open_batches=keys.BATCHES,
                        queue=keys.EVALUATE_QUEUE,
                        job=keys.job(batch_id),
                        ledger=keys.LEDGER,
                    ),
                    _ReplayQuarantinedArguments(
                        batch_id=batch_id,
                        set_ms=self._set_ms(),
                        job_record=binary(jobs.payload(jobs.EVALUATE, now_ms)),
                        wake_channel=keys.wake_channel(keys.EVALUATE_QUEUE),
                        replayed_field=ledger.QUARANTINE_REPLAYED,
                        events=events,
                    ),
                )
            )
        )

    def _events(self, record: Quarantined) -> Sequence[Event] | None:
        if record.request is not None:
            return self._remap(record.request, record.body, record.received_at)
        event = decoded(record)
        return None if event is None else [event]

    async def discard(self, items: Sequence[QuarantineRecord]) -> int:
        """Delete items; return how many still existed."""
        return await discard(
            self._connection,
            _STORED,
            [item.id for item in items],
            increased=ledger.QUARANTINE_DISCARDED,
        )


def _readable(item_id: str, record: bytes) -> QuarantineRecord:
    """Return the item; one that cannot be read has the record as its body, and the reason."""
    try:
        return QuarantineRecord(item_id, _reader.read(record))
    except RecordError as error:
        report("quarantined item", item_id, str(error))
        return QuarantineRecord(
            item_id, Quarantined(reason=f"{UNREADABLE}{error}", body=record, received_at=0.0)
        )


def decoded(record: Quarantined) -> Event | None:
    """Return the event as ingress decodes it now; None if it still cannot be decoded."""
    if record.reason.startswith(UNREADABLE) or record.request is not None:
        return None
    try:
        (event,) = decode_strictly(record.body, received_at=record.received_at, max_events=1)
    except (EventError, ValueError):
        return None
    return event


class _ReplayQuarantinedKeys(ScriptKeys, frozen=True):
    quarantine: str
    quarantine_index: str
    batch: str
    digests: str
    open_batches: str
    queue: str
    job: str
    ledger: str


class _ReplayQuarantinedArguments(PackedArguments, frozen=True):
    batch_id: BatchId
    set_ms: int
    job_record: msgspec.Raw
    wake_channel: str
    replayed_field: str
    events: "list[_ReplayedEvent]"


class _ReplayedEvent(msgspec.Struct, frozen=True, array_like=True):
    id: str
    claimed_by: str
    seen: str
    """The key of the claim on the event in its older form."""
    payload: msgspec.Raw
    """A msgpack array with the events."""
    count: int
    """How many they are."""


_REPLAY: Final = Script("replay_quarantined", _ReplayQuarantinedKeys, _ReplayQuarantinedArguments)


def can_be_replayed(record: Quarantined) -> bool:
    """Return whether a replay may accept it. A request of a source depends on the rules at that time."""
    return record.request is not None or decoded(record) is not None

"""Deliveries that were given up: listed, replayed, discarded.

A replay moves a dead letter back into the queue of its destination, under a new id. The operator
wants it sent again, and a receiver that stored the old id before it failed would drop it as a
repeat. The addresses that the attempts reached (recipients of an e-mail) go along, so that none of
them gets it twice.

A crash between two pages of a replay leaves the rest where it was, and the next replay continues.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from router.alerts import (
    Alert,
    AlertId,
    AlertKey,
    AlertStatus,
    Delivery,
    DeliveryId,
    Severity,
    replayed,
)
from router.clock import Clock
from router.errors import RecordError
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.discard import discard
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments, lane_of, log_overtaken
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
from router.journal.records import RecordReader, version_of_array, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.settlements import DeadLetter, ReferringLetter
from router.journal.stored_alerts import StoredAlerts, encode_delivery
from router.journal.unreadable import UNREADABLE, report

_decode_whole = msgspec.msgpack.Decoder(DeadLetter).decode
_decode_referring = msgspec.msgpack.Decoder(ReferringLetter).decode


def _decode(record: bytes) -> DeadLetter | ReferringLetter:
    try:
        return _decode_whole(record)
    except msgspec.ValidationError:
        return _decode_referring(record)


_reader = RecordReader(
    "dead letter",
    _decode,
    limit=300,
    version=lambda letter: max(version_of_map(letter), version_of_array(letter["delivery"])),
)


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters of a destination. An empty field matches any."""

    ids: tuple[str, ...] = ()
    rule: str = ""
    reason: str = ""
    """Text that the reason contains, in any case of letters."""
    span: TimeRange = TimeRange()
    """When they were given up."""

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether ``rule`` and ``reason`` match."""
        return (not self.rule or letter.delivery.alert.rule == self.rule) and (
            self.reason.lower() in letter.reason.lower()
        )


class ReplayedLetters(NamedTuple):
    """The end of a replay."""

    moved: int
    """Those that are dead letters no more."""
    overtaken: int
    """Those of them that were dropped, because their receiver was told something later."""


class DeadLetters:
    """The dead letters of all destinations. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._alerts = StoredAlerts(connection)
        self._clock = clock
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def destinations(self) -> list[str]:
        """Return the names of the destinations that have dead letters, sorted."""
        counters = await ledger.read(self._connection)
        return sorted(name for name, counts in counters.destinations.items() if counts.dead > 0)

    async def get(self, destination: str, delivery_id: str) -> DeadLetter | None:
        """Return a dead letter; None if there is none with this id."""
        found = await records_of(self._connection, _stored(destination), [delivery_id])
        letters = await self._restored(destination, found)
        return letters[0] if letters else None

    def find(
        self, destination: str, wanted: DeadLetterFilter, *, newest_first: bool = True
    ) -> Finder[DeadLetter]:
        """Return a finder for the dead letters of a destination that match a filter."""
        stored = _stored(destination)

        async def find_page(after: PageCursor | None, count: int) -> Matches[DeadLetter]:
            if wanted.ids:
                found = await page_of_ids(self._connection, stored, wanted.ids, after, count=count)
            else:
                found = await page(
                    self._connection,
                    stored,
                    wanted.span,
                    after,
                    count=count,
                    newest_first=newest_first,
                )
            letters = await self._restored(destination, list(found.items))
            return Matches(tuple(filter(wanted.matches, letters)), found.after, found.size)

        return find_page

    async def _restored(
        self, destination: str, records: Iterable[tuple[str, bytes]]
    ) -> list[DeadLetter]:
        """Return the dead letters in records; one that cannot be read says so."""
        read = [
            (delivery_id, record, _readable(destination, delivery_id, record))
            for delivery_id, record in records
        ]
        restored = await self._alerts.restore([letter.delivery for _, _, letter in read])
        return [
            DeadLetter(
                delivery=delivery,
                reason=letter.reason,
                died_at=letter.died_at,
                version=letter.version,
                number=letter.number,
            )
            if isinstance(delivery, Delivery)
            else _unreadable(destination, delivery_id, record, str(delivery))
            for (delivery_id, record, letter), delivery in zip(read, restored, strict=True)
        ]

    async def replay(self, destination: str, letters: Sequence[DeadLetter]) -> int:
        """Requeue or drop dead letters as ``replay_or_drop``; return how many."""
        return (await self.replay_or_drop(destination, letters)).moved

    async def replay_or_drop(
        self, destination: str, letters: Sequence[DeadLetter]
    ) -> ReplayedLetters:
        """Requeue up to CHUNK dead letters.

        Those of one alert key are sent in the order in which they arose. One is dropped if its receiver
        was told something later of its key. One that no longer exists, or cannot be read, is left.
        """
        now_ms = int(self._now() * 1000)
        set_id = SetId(self._new_id())
        queue = keys.deliver_queue(destination)
        moves = []
        for letter in sorted(letters, key=_number):
            if letter.reason.startswith(UNREADABLE):
                continue
            again = replayed(letter.delivery)
            moves.append(
                _ReplayedLetter(
                    letter.delivery.id,
                    again.id,
                    binary(encode_delivery(again)),
                    lane_of(again),
                    again.alert.status,
                    _number(letter),
                )
            )
        if not moves:
            return ReplayedLetters(0, 0)
        reply: list[int] = await self._connection.run(
            _REPLAY(
                _ReplayKeys(
                    dead_letters=keys.dead_letters(destination),
                    dead_letter_index=keys.dead_letter_index(destination),
                    set=keys.delivery_set(set_id),
                    open_sets=keys.open_sets(destination),
                    queue=queue,
                    job=keys.job(set_id),
                    ledger=keys.LEDGER,
                ),
                _ReplayArguments(
                    set_id=set_id,
                    set_ms=self._set_ms(),
                    job_record=binary(jobs.payload(jobs.DELIVER, now_ms)),
                    wake_channel=keys.wake_channel(queue),
                    dead_field=ledger.dead(destination),
                    replayed_field=ledger.replayed(destination),
                    moves=moves,
                    lanes=lane_arguments(destination, self._clock, set_id),
                ),
            )
        )
        moved, overtaken = reply
        log_overtaken(destination, overtaken)
        return ReplayedLetters(moved, overtaken)

    async def discard(self, destination: str, letters: Sequence[DeadLetter]) -> int:
        """Delete dead letters; return how many still existed."""
        return await discard(
            self._connection,
            _stored(destination),
            [letter.delivery.id for letter in letters],
            decreased=ledger.dead(destination),
            increased=ledger.discarded(destination),
        )


def _number(letter: DeadLetter) -> int:
    """Return the place of a dead letter among those of its key; by its time if an older router wrote it."""
    return int(letter.number or letter.delivery.alert.raised_at * 1_000_000)


def _readable(destination: str, delivery_id: str, record: bytes) -> DeadLetter | ReferringLetter:
    """Return the dead letter; one that cannot be read has the record as its event, and the reason."""
    try:
        letter = _reader.read(record)
    except RecordError as error:
        return _unreadable(destination, delivery_id, record, str(error))
    if letter.delivery.id != delivery_id or letter.delivery.destination != destination:
        return _unreadable(destination, delivery_id, record, "it is stored in another one's place")
    return letter


def _unreadable(destination: str, delivery_id: str, record: bytes, reason: str) -> DeadLetter:
    report("dead letter", delivery_id, reason)
    alert = Alert(
        id=AlertId(""),
        rule="",
        severity=Severity.INFO,
        summary="",
        description="",
        raised_at=0.0,
        event_id="",
        event_source="",
        event_type="",
        event_time="",
        event_received_at=0.0,
        event=record,
    )
    delivery = Delivery(id=DeliveryId(delivery_id), destination=destination, alert=alert)
    return DeadLetter(delivery=delivery, reason=f"{UNREADABLE}{reason}", died_at=0.0)


def _stored(destination: str) -> IndexedRecords:
    return IndexedRecords(keys.dead_letters(destination), keys.dead_letter_index(destination))


class _ReplayKeys(ScriptKeys, frozen=True):
    dead_letters: str
    dead_letter_index: str
    set: str
    open_sets: str
    queue: str
    job: str
    ledger: str


class _ReplayArguments(PackedArguments, frozen=True):
    set_id: SetId
    set_ms: int
    job_record: msgspec.Raw
    wake_channel: str
    dead_field: str
    replayed_field: str
    moves: "list[_ReplayedLetter]"
    lanes: LaneArguments


class _ReplayedLetter(msgspec.Struct, frozen=True, array_like=True):
    old_id: str
    new_id: str
    record: msgspec.Raw
    key: AlertKey
    status: AlertStatus
    number: int


_REPLAY: Final = Script("replay", _ReplayKeys, _ReplayArguments)

"""The end of a piece of work, a batch or a timer: its results are opened as it is closed.

One transaction does both, guarded by the record of the work: deliveries and timers exist if and
only if the work and its job do not. If two workers finish the same work, the second one changes
nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.events.model import UnmappedRequest
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.delivery_sets import SET_SIZE, DeliverySet, LanedDelivery, cut_into_sets
from router.journal.history_log import NO_HISTORY, HistoryEntry
from router.journal.job_queue import LOST, lease_lost
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.lanes import LaneArguments, lane_arguments
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.script import IdAndRecord, PlainArguments, Script, ScriptKeys, binary, pack
from router.journal.timers import fixed_id
from router.rules.state.timer import Timer

ANY_CLAIM: Final = "*"
"""In place of a batch: the event was claimed by one that is not known."""

_encode = msgspec.msgpack.encode


class OpenWork(msgspec.Struct, frozen=True):
    """A batch or a timer that is open."""

    id: str
    record: str
    """The key that exists as long as the work is open."""
    open_work: str
    """The sorted set that lists it."""
    queue: str
    """The queue of its job."""


def batch_work(batch_id: BatchId) -> OpenWork:
    """Return where a batch is stored."""
    return OpenWork(batch_id, keys.batch(batch_id), keys.BATCHES, keys.EVALUATE_QUEUE)


def timer_work(timer_id: TimerId) -> OpenWork:
    """Return where a timer is stored."""
    return OpenWork(timer_id, keys.timer(timer_id), keys.TIMERS, keys.TIMER_QUEUE)


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not be decoded or evaluated, stored until an operator handles it."""

    reason: str
    body: bytes
    received_at: float
    """Unix time in seconds."""
    path: str = ""
    """JSON path of the reason; ``""`` if there is none."""
    claimed_by: str = ""
    """The batch that has claimed the event, or ``ANY_CLAIM``: a replay needs no claim. ``""`` if there
    is no claim, or for the batch that is being finished."""
    request: UnmappedRequest | None = None
    """The request of a source, which a replay maps again; None if the body is a CloudEvent."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 101
    """See ``router.journal.records``."""


class FinishedWork(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a batch or a timer. Every event counts in exactly one of the first five."""

    duplicate: int = 0
    filtered: int = 0
    suppressed: int = 0
    matched: int = 0
    quarantined: tuple[Quarantined, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    numbers: tuple[int, ...] = ()
    """The place of each delivery among those of its alert key; ``()`` for the order of the deliveries."""
    timers: tuple[Timer, ...] = ()
    alerts: int = 0
    notified: int = 0
    suppressed_alerts: tuple[str, ...] = ()
    """The reason of each suppressed alert."""
    dropped_timers: int = 0


class Rewritten(msgspec.Struct, frozen=True, array_like=True):
    """A payload of a batch without the events that are finished."""

    at: int
    """Its position in the list."""
    events: msgspec.Raw


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """The events of a batch that remain after a part of it."""

    dropped: int
    """Payloads at the begin of the list of which nothing remains."""
    rewritten: list[Rewritten]
    claims: str
    """The results of the claims of the events that remain, a character for each."""


class Finish:
    """Finishes batches and timers."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def __call__(
        self,
        work: OpenWork,
        verdict: FinishedWork,
        token: LeaseToken = NO_TOKEN,
        *,
        part: int = 0,
        rest: "Rest | None" = None,
        history: HistoryEntry = NO_HISTORY,
    ) -> bool:
        """Close the work, or a part of it, and open its results.

        Args:
            work: The batch or timer.
            verdict: The results.
            token: Of the lease of the work's job.
            part: The parts of the work that are finished already.
            rest: What remains of a batch; None if all of the work is finished by this.
            history: The entry of the events that are finished.

        Returns:
            False if another worker has finished the work, or this part of it.

        Raises:
            LeaseLostError: Another worker has the lease of the work's job.
            JournalUnavailableError: The work may or may not be finished. Finishing it again is safe.
        """
        now_ms = int(self._now() * 1000)
        records: list[str | bytes] = []
        quarantined = [self._quarantined(item, work) for item in verdict.quarantined]
        sets, alerts = cut_into_sets(verdict.deliveries, self._new_id, verdict.numbers)
        outcome = _Outcome(
            counts=_counts(verdict),
            quarantined=quarantined,
            stored_alerts=[_stored_alerts(each, records) for each in alerts],
            sets=[self._set(each, records) for each in sets],
            new_timers=[self._timer(timer, now_ms) for timer in verdict.timers],
            rest=rest,
        )
        reply = await self._connection.run(
            _FINISH(
                _FinishKeys(
                    work.record,
                    work.open_work,
                    work.queue,
                    *keys.job_keys(work.id),
                    chain_results=keys.chain_results(work.id),
                    taken=keys.taken(TimerId(work.id)),
                    digests=keys.digests(work.id),
                    identities=keys.identities(work.id),
                    parts=keys.parts(work.id),
                    quarantine=keys.QUARANTINE,
                    quarantine_index=keys.QUARANTINE_INDEX,
                    ledger=keys.LEDGER,
                    timers=keys.TIMERS,
                    timer_queue=keys.TIMER_QUEUE,
                ),
                _FinishArguments(
                    work_id=work.id,
                    token=token,
                    part=part,
                    set_ms=self._set_ms(),
                    set_size=SET_SIZE,
                    set_prefix=keys.delivery_set(SetId("")),
                    delivery_job=jobs.payload(jobs.DELIVER, now_ms),
                    timer_wake=keys.wake_channel(keys.TIMER_QUEUE),
                    outcome=pack(outcome),
                    history_options=history.options,
                    history_entry=history.entry,
                    history_names=history.names,
                    history_records=history.records,
                ),
                records,
            )
        )
        if reply == LOST:
            raise lease_lost(work.id)
        return bool(reply)

    def _quarantined(self, item: Quarantined, work: OpenWork) -> IdAndRecord:
        claimed = msgspec.structs.replace(item, claimed_by=item.claimed_by or work.id)
        return IdAndRecord(self._new_id(), binary(_encode(claimed)))

    def _set(self, added: DeliverySet, records: list[str | bytes]) -> "_NewSet":
        """Return a set, and add its ids and records to those of all sets."""
        destination = added.destination
        set_id = added.set_id
        queue = keys.deliver_queue(destination)
        # Not part of the packed outcome, because they are long, and packing would copy them.
        first = _position(records)
        records += added.records
        return _NewSet(
            id=set_id,
            set=keys.delivery_set(set_id),
            open_sets=keys.open_sets(destination),
            deliver_queue=queue,
            set_job=keys.job(set_id),
            filling=keys.filling(queue),
            wake_channel=keys.wake_channel(queue),
            opened_field=ledger.opened(destination),
            superseded_field=ledger.superseded(destination),
            weight=added.weight(),
            first=first,
            last=first + len(added.records) - 1,
            laned=added.laned,
            lanes=lane_arguments(destination, self._clock, set_id) if added.laned else None,
        )

    def _timer(self, timer: Timer, now_ms: int) -> "_NewTimer":
        timer_id = fixed_id(timer) or TimerId(self._new_id())
        due_ms = int(timer.due_at * 1000)
        return _NewTimer(
            id=timer_id,
            timer=keys.timer(timer_id),
            record=binary(_encode(timer)),
            due_in_ms=due_ms - now_ms,
            timer_job=keys.job(timer_id),
            job_record=binary(jobs.payload(jobs.TIMER, due_ms)),
        )


def check_recordable(verdict: FinishedWork) -> None:
    """Encode the results of a piece of work. Raises any error that recording them would raise."""
    for delivery in verdict.deliveries:
        _encode(delivery)
    for timer in verdict.timers:
        _encode(timer)


def _counts(verdict: FinishedWork) -> "list[_Count]":
    """Return the ledger's fields and the amount to add to each."""
    amounts = (
        (ledger.DUPLICATE, verdict.duplicate),
        (ledger.FILTERED, verdict.filtered),
        (ledger.SUPPRESSED, verdict.suppressed),
        (ledger.MATCHED, verdict.matched),
        (ledger.QUARANTINED, len(verdict.quarantined)),
        (ledger.ALERTS, verdict.alerts),
        (ledger.NOTIFIED, verdict.notified),
        (ledger.TIMERS_DROPPED, verdict.dropped_timers),
        *(
            (ledger.suppressed_alert(reason), count)
            for reason, count in Counter(verdict.suppressed_alerts).items()
        ),
    )
    return [_Count(field, amount) for field, amount in amounts if amount]


def _stored_alerts(
    stored: tuple[str, list[str | bytes]], records: list[str | bytes]
) -> "_StoredAlerts":
    """Add alerts to the records, and return where they are."""
    key, fields = stored
    first = _position(records)
    records += fields
    return _StoredAlerts(key, first, first + len(fields) - 1)


def _position(records: Sequence[str | bytes]) -> int:
    """Return the position in ARGV of what is added to the records next."""
    return len(_FinishArguments.__struct_fields__) + len(records) + 1


class _FinishKeys(ScriptKeys, frozen=True):
    work: str
    open_work: str
    queue: str
    job: str
    lease: str
    starts: str
    chain_results: str
    taken: str
    digests: str
    identities: str
    parts: str
    quarantine: str
    quarantine_index: str
    ledger: str
    timers: str
    timer_queue: str


class _FinishArguments(PlainArguments, frozen=True):
    work_id: str
    token: LeaseToken
    part: int
    set_ms: int
    set_size: int
    set_prefix: str
    delivery_job: bytes
    timer_wake: str
    outcome: bytes
    """An ``_Outcome``, packed."""
    history_options: bytes
    history_entry: bytes
    history_names: bytes
    history_records: int


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    counts: "list[_Count]"
    quarantined: list[IdAndRecord]
    stored_alerts: "list[_StoredAlerts]"
    sets: "list[_NewSet]"
    new_timers: "list[_NewTimer]"
    rest: "Rest | None"


class _StoredAlerts(msgspec.Struct, frozen=True, array_like=True):
    """Alerts that are stored once for several deliveries."""

    alerts: str
    first: int
    """The position of the fields and values in ARGV."""
    last: int


class _Count(msgspec.Struct, frozen=True, array_like=True):
    field: str
    amount: int


class _NewSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A set to open, if its deliveries are not added to the filling one."""

    id: SetId
    set: str
    open_sets: str
    deliver_queue: str
    set_job: str
    filling: str
    wake_channel: str
    opened_field: str
    superseded_field: str
    weight: int
    first: int
    """The position of its ids and records in ARGV."""
    last: int
    laned: list[LanedDelivery]
    lanes: LaneArguments | None
    """None if no delivery has a lane."""


class _NewTimer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    id: TimerId
    timer: str
    record: msgspec.Raw
    due_in_ms: int
    timer_job: str
    job_record: msgspec.Raw


_FINISH: Final = Script("finish", _FinishKeys, _FinishArguments)

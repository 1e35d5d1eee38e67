"""The end of a piece of work, a batch or a timer: what comes of it is opened as it is closed.

One transaction, guarded by the work's existence: deliveries and timers are there exactly if the work
and its job are not. Of two workers that come to the same end one wins, the other changes nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection, Script
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.timers import fixed_id
from router.rules.state.timer import Timer

SET_SIZE: Final = 100
"""Deliveries in one set, that is, in one arq job."""

ANY_CLAIM: Final = "*"
"""Instead of a batch: a replay lifts whichever claim stands."""

_FINISH: Final = Script("finish")
_encode = msgspec.msgpack.encode


class OpenWork(msgspec.Struct, frozen=True):
    """A batch or a timer that is open."""

    id: str
    record: str
    """The key that exists as long as it is open."""
    open_work: str
    """The sorted set of which it is a member."""
    queue: str
    """Where its job is."""


def batch_work(batch_id: BatchId) -> OpenWork:
    return OpenWork(batch_id, keys.batch(batch_id), keys.BATCHES, keys.EVALUATE_QUEUE)


def timer_work(timer_id: TimerId) -> OpenWork:
    return OpenWork(timer_id, keys.timer(timer_id), keys.TIMERS, keys.TIMER_QUEUE)


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be decoded or judged, kept until somebody looks at it."""

    reason: str
    body: bytes
    received_at: float
    """Unix time in seconds."""
    path: str = ""
    claimed_by: str = ""
    """The batch whose claim on the event stands, or ``ANY_CLAIM``; a replay lifts it. ``""`` where
    there is none, or for the batch that is finished."""


class FinishedWork(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch or a timer. Every event is in exactly one of the first five counts."""

    duplicate: int = 0
    filtered: int = 0
    suppressed: int = 0
    matched: int = 0
    quarantined: tuple[Quarantined, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    timers: tuple[Timer, ...] = ()
    alerts: int = 0
    notified: int = 0
    suppressed_alerts: tuple[str, ...] = ()
    """The reason of each alert that was held back."""


class Finish:
    """The journal's side of whoever ends a piece of work."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now

    async def __call__(self, work: OpenWork, verdict: FinishedWork) -> bool:
        """Close the work and open what comes of it. False when somebody else already did.

        Raises JournalUnavailableError; then it may have happened, and running it again is safe.
        """
        now_ms = int(self._now() * 1000)
        counts = _counts(verdict)
        quarantined: list[str | bytes] = []
        for item in verdict.quarantined:
            claimed = msgspec.structs.replace(item, claimed_by=item.claimed_by or work.id)
            quarantined += [self._new_id(), _encode(claimed)]
        set_keys: list[str] = []
        set_arguments: list[str | int | bytes] = []
        for destination, records in _sets(verdict.deliveries):
            set_id = SetId(self._new_id())
            queue = keys.deliver_queue(destination)
            open_sets = keys.open_sets(destination)
            set_keys += [keys.delivery_set(set_id), open_sets, keys.job(set_id), queue]
            set_keys.append(keys.filling(queue))
            set_arguments += [set_id, jobs.payload(jobs.DELIVER, now_ms), keys.wake_channel(queue)]
            set_arguments += [ledger.opened(destination), len(records) // 2, *records]
        timer_keys, timer_arguments = self._timers(verdict.timers)
        sizes = (len(counts) // 2, len(quarantined) // 2, len(set_keys) // 5, len(verdict.timers))
        won = await self._connection.run(
            _FINISH,
            [
                work.record,
                work.open_work,
                keys.chain_results(work.id),
                keys.taken(TimerId(work.id)),
                keys.QUARANTINE,
                keys.QUARANTINE_INDEX,
                keys.LEDGER,
                keys.TIMERS,
                keys.TIMER_QUEUE,
                work.queue,
                *keys.job_keys(work.id),
                keys.identities(work.id),
                *set_keys,
                *timer_keys,
            ],
            [
                work.id,
                now_ms,
                *sizes,
                SET_SIZE,
                keys.delivery_set(SetId("")),
                *counts,
                *quarantined,
                *set_arguments,
                *timer_arguments,
            ],
        )
        return bool(won)

    def _timers(self, timers: Iterable[Timer]) -> tuple[list[str], list[str | int | bytes]]:
        timer_keys: list[str] = []
        arguments: list[str | int | bytes] = []
        for timer in timers:
            timer_id = fixed_id(timer) or TimerId(self._new_id())
            due_ms = int(timer.due_at * 1000)
            job = jobs.payload(jobs.TIMER, due_ms)
            timer_keys += [keys.timer(timer_id), keys.job(timer_id)]
            arguments += [timer_id, due_ms, _encode(timer), job]
            arguments.append(keys.wake_channel(keys.TIMER_QUEUE))
        return timer_keys, arguments


def _counts(verdict: FinishedWork) -> list[str | int]:
    """The ledger's fields and what to add to each."""
    amounts = (
        (ledger.DUPLICATE, verdict.duplicate),
        (ledger.FILTERED, verdict.filtered),
        (ledger.SUPPRESSED, verdict.suppressed),
        (ledger.MATCHED, verdict.matched),
        (ledger.QUARANTINED, len(verdict.quarantined)),
        (ledger.ALERTS, verdict.alerts),
        (ledger.NOTIFIED, verdict.notified),
        *(
            (ledger.suppressed_alert(reason), count)
            for reason, count in Counter(verdict.suppressed_alerts).items()
        ),
    )
    return [part for field, amount in amounts if amount for part in (field, amount)]


def _sets(deliveries: Iterable[Delivery]) -> Iterable[tuple[str, list[str | bytes]]]:
    """Cut into one-destination sets of at most SET_SIZE: (destination, [id, record, ...])."""
    records: dict[str, list[str | bytes]] = {}
    encoded: dict[str, msgspec.Raw] = {}
    for delivery in deliveries:
        alert = encoded.get(delivery.alert.id)
        if alert is None:  # an alert goes to several destinations, it is encoded once
            alert = encoded[delivery.alert.id] = msgspec.Raw(_encode(delivery.alert))
        fields = (delivery.id, delivery.destination, alert, delivery.attempt, ())
        records.setdefault(delivery.destination, []).extend((delivery.id, _encode(fields)))
    for destination, all_records in records.items():
        for start in range(0, len(all_records), 2 * SET_SIZE):
            yield destination, all_records[start : start + 2 * SET_SIZE]

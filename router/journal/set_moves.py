"""A delivery moves from its set to another one, in which it is due later."""

from typing import Final

import msgspec

from router.clock import Clock
from router.journal import jobs, keys, ledger
from router.journal.keys import SetId
from router.journal.lanes import NO_LANE, LaneArguments, lane_arguments
from router.journal.leases import LeaseToken
from router.journal.script import PackedArguments, Script, ScriptCall, ScriptKeys, binary

OVERTAKEN: Final = 2
"""The reply of ``retry.lua`` if the delivery was dropped."""


class SetKeys(ScriptKeys, frozen=True):
    """Base of the keys of a script by which deliveries leave a set. ``keys.set_keys`` returns them."""

    set: str
    open_sets: str
    queue: str
    job: str
    lease: str
    starts: str


class SetToQuarantineKeys(SetKeys, frozen=True):
    """The keys of a script by which deliveries of a set move to quarantine."""

    quarantine: str = keys.QUARANTINE
    quarantine_index: str = keys.QUARANTINE_INDEX
    ledger: str = keys.LEDGER


class SetMove(msgspec.Struct, frozen=True):
    """From one set of a destination to another one, which is due in some ms."""

    set_id: SetId
    new_set: SetId
    destination: str
    due_in_ms: int
    key: str = NO_LANE
    """The key in whose lane the delivery is in flight."""
    in_digest: bool = False
    """Whether the new set is that of a digest."""


def move_delivery(
    move: SetMove, delivery_id: str, record: bytes, token: LeaseToken, clock: Clock
) -> ScriptCall:
    """Return the call that moves a delivery.

    Its reply is 1; 0 if the delivery has left the first set; -1 if another worker has its lease;
    ``OVERTAKEN`` if it was dropped, because its receiver was told something later.

    Args:
        move: The two sets.
        delivery_id: The delivery.
        record: Its record in the new set.
        token: The token of the first set's lease.
        clock: The clock.
    """
    queue = keys.deliver_queue(move.destination)
    due_ms = int(clock.now() * 1000) + move.due_in_ms
    return _RETRY(
        _RetryKeys(
            *keys.set_keys(move.set_id, move.destination),
            new_set=keys.delivery_set(move.new_set),
            new_job=keys.job(move.new_set),
            ledger=keys.LEDGER,
        ),
        _RetryArguments(
            set_id=move.set_id,
            delivery_id=delivery_id,
            new_set_id=move.new_set,
            set_ms=clock.journal_ms(),
            due_in_ms=move.due_in_ms,
            job_record=binary(jobs.payload(jobs.DELIVER, due_ms)),
            record=binary(record),
            wake_channel=keys.wake_channel(queue),
            token=token,
            superseded_field=ledger.superseded(move.destination),
            key=move.key,
            in_digest=move.in_digest,
            lanes=lane_arguments(move.destination, clock) if move.key else None,
        ),
    )


class _RetryKeys(SetKeys, frozen=True):
    new_set: str
    new_job: str
    ledger: str


class _RetryArguments(PackedArguments, frozen=True):
    set_id: SetId
    delivery_id: str
    new_set_id: SetId
    set_ms: int
    due_in_ms: int
    job_record: msgspec.Raw
    record: msgspec.Raw
    wake_channel: str
    token: LeaseToken
    superseded_field: str
    key: str
    in_digest: bool
    lanes: LaneArguments | None


_RETRY: Final = Script("retry", _RetryKeys, _RetryArguments)

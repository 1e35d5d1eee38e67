"""Records that cannot be read leave their set, so that they do not stop its other deliveries.

A record that is not a delivery, and one that ends processes when it is read, moves to quarantine. One
of a newer version is requeued by itself, for a worker that can read it.
"""

import logging
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import NewerRecordError, RecordError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.keys import SetId
from router.journal.lanes import release_stalled
from router.journal.leases import LeaseToken
from router.journal.records import POSTPONE_SECONDS
from router.journal.script import PackedArguments, Script, binary
from router.journal.set_moves import SetMove, SetToQuarantineKeys, move_delivery
from router.journal.unreadable import report, text_of

logger = logging.getLogger(__name__)


class LeasedSet(msgspec.Struct, frozen=True):
    """A set, and the token of its lease."""

    set_id: SetId
    destination: str
    token: LeaseToken


class UnreadableDeliveries:
    """Moves records out of their sets. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def set_aside(
        self, leased: LeasedSet, field: bytes, record: bytes, error: RecordError
    ) -> None:
        """Move a record that cannot be read out of its set, unless another worker has the lease."""
        if isinstance(error, NewerRecordError) and text_of(field).encode() == field:
            await self._postpone(leased, field, record, str(error))
        else:
            report("delivery", text_of(field), str(error))
            await self.quarantine(leased, field, str(error), only=record)

    async def quarantine(
        self, leased: LeasedSet, field: bytes, reason: str, *, only: bytes | None = None
    ) -> None:
        """Move a delivery to quarantine, if ``only`` is its record or None."""
        set_id, destination = leased.set_id, leased.destination
        await self._connection.run(
            _QUARANTINE_UNREAD(
                SetToQuarantineKeys(*keys.set_keys(set_id, destination)),
                _QuarantineUnreadArguments(
                    set_id=set_id,
                    delivery_id=binary(field),
                    only=None if only is None else binary(only),
                    set_ms=self._clock.journal_ms(),
                    item=binary(_open_item(reason, self._clock.now())),
                    ledger_field=ledger.undecodable(destination),
                    superseded_field=ledger.superseded(destination),
                    token=leased.token,
                ),
            )
        )
        # Which lane it was in flight of is not known, because it was not read.
        await release_stalled(self._connection, destination, self._clock)

    async def _postpone(self, leased: LeasedSet, field: bytes, record: bytes, reason: str) -> None:
        """Requeue a record as it is, for a worker that can read it."""
        logger.warning(
            "delivery of a newer version postponed",
            extra={"destination": leased.destination, "delivery": field.decode(), "reason": reason},
        )
        due_in_ms = int(POSTPONE_SECONDS * 1000)
        move = SetMove(leased.set_id, SetId(self._clock.new_id()), leased.destination, due_in_ms)
        await self._connection.run(
            move_delivery(move, field.decode(), record, leased.token, self._clock)
        )


def _open_item(reason: str, now: float) -> bytes:
    """Return the fields of a quarantined item without the value of its body, the last one."""
    whole = {"reason": reason, "received_at": now, "version": 100, "body": None}
    return msgspec.msgpack.encode(whole)[1:-1]


class _QuarantineUnreadArguments(PackedArguments, frozen=True):
    set_id: SetId
    delivery_id: msgspec.Raw
    only: msgspec.Raw | None
    set_ms: int
    item: msgspec.Raw
    """The fields of a ``Quarantined`` up to the value of its body."""
    ledger_field: str
    superseded_field: str
    token: LeaseToken


_QUARANTINE_UNREAD: Final = Script(
    "quarantine_unread", SetToQuarantineKeys, _QuarantineUnreadArguments
)

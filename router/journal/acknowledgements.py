"""Acknowledgements of alerts. An acknowledgement ends the escalation of its alerts.

It covers the alerts notified until then: a later alert with the same key escalates again. Destinations
that were told of the alert may be told that it is acknowledged: their deliveries are opened in the
same transaction, in the lane of the key (``lanes.py``), behind the alert and before its end. A keyed
alert has it in its log, and is judged again.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import AlertKey, Delivery
from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments
from router.journal.script import PackedArguments, Script, ScriptKeys, binary

REMEMBERED_SECONDS: Final = 30 * 86_400
"""How long an acknowledgement is stored."""
BY_LIMIT: Final = 200
"""Characters of a name that are stored."""

_encode = msgspec.msgpack.encode


class Acknowledgement(msgspec.Struct, frozen=True):
    """An operator takes care of the alerts with one key."""

    by: str
    """The operator's name."""
    at: float
    """Unix time in seconds."""


class Acknowledgements:
    """Stores acknowledgements. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def acknowledge(self, key: AlertKey, by: str, at: float) -> None:
        """Record that ``by`` takes care of the alerts with a key, from ``at`` (Unix seconds).

        Idempotent. A later acknowledgement replaces an earlier one.
        """
        name = keys.acknowledgement(key)
        async with self._connection.redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(name, mapping={"by": by[:BY_LIMIT], "at": int(at * 1000)})
            pipeline.expire(name, REMEMBERED_SECONDS)
            await self._connection.ask(pipeline.execute())

    async def acknowledge_and_tell(
        self,
        key: AlertKey,
        acknowledgement: Acknowledgement,
        told: Sequence[Delivery],
        clock: Clock,
    ) -> int:
        """Record an acknowledgement, and open the deliveries that tell destinations of it.

        Idempotent: those that were told already, or whose alert has ended, are not told.

        Args:
            key: The key of the alerts.
            acknowledgement: The acknowledgement.
            told: A delivery for each destination.
            clock: The clock.

        Returns:
            The number of deliveries opened.
        """
        opened: int = await self._connection.run(
            _ACKNOWLEDGE(
                _AcknowledgeKeys(
                    keys.acknowledgement(key),
                    keys.LEDGER,
                    keys.keyed_alert(key),
                    keys.KEYED_ALERTS,
                    keys.LOOKS,
                ),
                _AcknowledgeArguments(
                    key=key,
                    by=acknowledgement.by[:BY_LIMIT],
                    at=str(int(acknowledgement.at * 1000)),
                    lasts=REMEMBERED_SECONDS,
                    set_ms=clock.journal_ms(),
                    told=[_message(each, clock) for each in told],
                ),
            )
        )
        return opened

    async def unacknowledge(self, key: AlertKey, by: str, clock: Clock) -> bool:
        """Delete the acknowledgement of a key, so that reminders and escalations go on.

        Args:
            key: The key of the alerts.
            by: The name of who deletes it.
            clock: The clock.

        Returns:
            False if there was none.
        """
        deleted: int = await self._connection.run(
            _UNACKNOWLEDGE(
                _UnacknowledgeKeys(
                    keys.acknowledgement(key),
                    keys.keyed_alert(key),
                    keys.KEYED_ALERTS,
                    keys.LOOKS,
                    keys.lane(key),
                ),
                _UnacknowledgeArguments(key=key, by=by[:BY_LIMIT], set_ms=clock.journal_ms()),
            )
        )
        return bool(deleted)

    async def acknowledged(self, key: AlertKey) -> Acknowledgement | None:
        """Return the last acknowledgement; None if there is none."""
        by, at = await self._connection.ask(
            self._connection.redis.hmget(keys.acknowledgement(key), "by", "at")
        )
        return None if at is None else Acknowledgement(by.decode(), int(at) / 1000)


class _AcknowledgeKeys(ScriptKeys, frozen=True):
    acknowledgement: str
    ledger: str
    alert: str
    alerts: str
    looks: str


class _AcknowledgeArguments(PackedArguments, frozen=True):
    key: AlertKey
    by: str
    at: str
    """Unix ms."""
    lasts: int
    set_ms: int
    told: "list[_Message]"


class _Message(msgspec.Struct, frozen=True, array_like=True):
    id: str
    record: msgspec.Raw
    key: AlertKey
    set: str
    opened_field: str
    lanes: LaneArguments


class _UnacknowledgeKeys(ScriptKeys, frozen=True):
    acknowledgement: str
    alert: str
    alerts: str
    looks: str
    lane: str


class _UnacknowledgeArguments(PackedArguments, frozen=True):
    key: AlertKey
    by: str
    set_ms: int


_UNACKNOWLEDGE: Final = Script("unacknowledge", _UnacknowledgeKeys, _UnacknowledgeArguments)
_ACKNOWLEDGE: Final = Script("acknowledge", _AcknowledgeKeys, _AcknowledgeArguments)


def _message(delivery: Delivery, clock: Clock) -> _Message:
    lanes = lane_arguments(delivery.destination, clock)
    return _Message(
        id=delivery.id,
        record=binary(_encode(delivery)),
        key=delivery.alert.key,
        set=keys.delivery_set(SetId(lanes.set_id)),
        opened_field=ledger.opened(delivery.destination),
        lanes=lanes,
    )

"""Deliveries as a transaction opens them: cut into sets, with alerts that are stored once.

A set is what one job delivers. It has one destination, and is limited by the number of its deliveries
and by their bytes. An alert for several deliveries is stored by itself, and each of them refers to it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from router.alerts import AlertKey, AlertStatus, Delivery
from router.journal import keys
from router.journal.keys import SetId
from router.journal.lanes import lane_of
from router.journal.stored_alerts import ReferenceRecord

SET_SIZE: Final = 100
"""The largest weight of a set, and so of an arq job."""
RECORD_SIZE: Final = 40_960
"""Bytes of deliveries that weigh 1, so that a limit on weight also limits memory. A delivery weighs at
least 1, and a set of one delivery may be heavier."""

_FIELDS_AT_ONCE: Final = 4000
"""Fields and values of one hash of alerts, because Lua takes up to 8,000 arguments."""
_ALERT_BYTES: Final = 600
"""Bytes of an alert besides its event."""
_DELIVERY_BYTES: Final = 300
"""Bytes of a delivery besides its alert."""
_LANE_BYTES: Final = 400
"""Bytes of a lane, and of what is remembered of it."""

_encode = msgspec.msgpack.encode


class LanedDelivery(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that goes through a lane (``lanes.py``)."""

    at: int
    """Its position among the deliveries of its set, from 1."""
    key: AlertKey
    status: AlertStatus
    number: int
    """Its place among those of its key; 0 for that of the latest one."""


class DeliverySet(msgspec.Struct):
    """Deliveries to one destination that are added to one set."""

    set_id: SetId
    destination: str
    records: list[str | bytes] = []
    """id, record, id, record, …"""
    size: int = 0
    laned: list[LanedDelivery] = []

    def weight(self) -> int:
        """Return how much of a set's limit the deliveries take, in deliveries."""
        return max(len(self.records) // 2, self.size // RECORD_SIZE)

    def is_full(self, size: int) -> bool:
        """Return whether another delivery of this size is too much."""
        return len(self.records) >= 2 * SET_SIZE or self.size + size > SET_SIZE * RECORD_SIZE


def opened_bytes(event_bytes: int, destinations: int, *, has_lanes: bool = False) -> int:
    """Return about how much the deliveries of one alert take.

    Args:
        event_bytes: The size of its event.
        destinations: How many deliveries it has.
        has_lanes: Whether the alert has a key of its own.
    """
    for_each = _DELIVERY_BYTES + _LANE_BYTES * has_lanes
    return event_bytes + _ALERT_BYTES + for_each * destinations


def cut_into_sets(
    deliveries: Sequence[Delivery], new_id: Callable[[], str], numbers: Sequence[int] = ()
) -> tuple[list[DeliverySet], list[tuple[str, list[str | bytes]]]]:
    """Cut deliveries into sets of one destination each.

    Args:
        deliveries: The deliveries.
        new_id: Returns a new id.
        numbers: The place of each among those of its alert key; by default in their order.

    Returns:
        The sets; the alerts that are stored by themselves, as ``_AlertStore.fields``.
    """
    sets: list[DeliverySet] = []
    filling: dict[str, DeliverySet] = {}
    if not deliveries:
        return sets, []
    first_id = new_id()
    alerts = _AlertStore(deliveries, first_id)
    for position, delivery in enumerate(deliveries):
        alert_bytes, alert = alerts.place(delivery)
        if isinstance(alert, str):
            record = _encode(ReferenceRecord.of(delivery, alert))
            size = len(record) + alert_bytes
        else:
            record = _encode(msgspec.structs.replace(delivery, alert=alert))
            size = len(record)
        destination = delivery.destination
        added = filling.get(destination)
        if added is None or added.is_full(size):
            set_id = SetId(new_id() if sets else first_id)
            added = filling[destination] = DeliverySet(set_id, destination)
            sets.append(added)
        added.records += (delivery.id, record)
        added.size += size
        key = lane_of(delivery)
        if key:
            at = len(added.records) // 2
            number = numbers[position] if numbers else 0
            added.laned.append(LanedDelivery(at, key, delivery.alert.status, number))
    return sets, alerts.fields


class _AlertStore:
    """The alerts of one transaction that have several deliveries each.

    Args:
        deliveries: All deliveries of the transaction.
        name: An id that no other transaction uses.
    """

    def __init__(self, deliveries: Sequence[Delivery], name: str) -> None:
        # By object: two alerts of one id would be mixed up if they ever differed.
        self._counts = Counter([id(delivery.alert) for delivery in deliveries])
        self._first_name = name
        self._encoded: dict[int, tuple[int, msgspec.Raw | str]] = {}
        self._name = ""
        self.fields: list[tuple[str, list[str | bytes]]] = []
        """Key, and fields and values, of each hash."""

    def place(self, delivery: Delivery) -> tuple[int, msgspec.Raw | str]:
        """Return the size of a delivery's alert, and the alert itself or a reference to it."""
        alert = delivery.alert
        placed = self._encoded.get(id(alert))
        if placed is None:
            body = _encode(alert)
            count = self._counts[id(alert)]
            place = msgspec.Raw(body) if count == 1 else self._store(body, count)
            placed = self._encoded[id(alert)] = (len(body), place)
        return placed

    def _store(self, body: bytes, count: int) -> str:
        number = len(self._encoded)
        if not self.fields or len(self.fields[-1][1]) >= _FIELDS_AT_ONCE:
            self._name = f"{self._first_name}-{len(self.fields)}"
            self.fields.append((keys.stored_alerts(self._name), []))
        self.fields[-1][1].extend((str(number), body, f"{number}#", str(count)))
        return f"{self._name}.{number}.{len(body)}"

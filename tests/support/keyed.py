"""Keyed alerts in Redis as the steps of rules write them."""

from typing import Any

import msgspec

from router.alerts import AlertKey
from router.journal import keys
from router.journal.connection import Connection
from router.rules.state.chain import StoredAlert, encode_alert
from router.rules.state.keyed_alert import AlertRecord
from support.events import alert_of, event_from

START = 1_700_000_000_000
"""Unix ms: the begin of ``SetClock``."""


async def put(
    connection: Connection,
    sample: bytes,
    key: str,
    alert: dict[str, Any] | None = None,
    **record: Any,
) -> AlertKey:
    """Store a keyed alert. ``alert`` are fields of its latest alert, ``record`` those of its record."""
    chosen = AlertKey(key)
    changed = {"changed": START, "since": START, **record}
    latest = msgspec.structs.replace(
        alert_of(event_from(sample), rule="trunk-down"), **{"key": chosen, **(alert or {})}
    )
    await connection.redis.hset(
        keys.keyed_alert(chosen),
        mapping={
            "record": packed(AlertRecord(**changed)),
            "alert": encode_alert(StoredAlert(latest, ("chat",))),
        },
    )
    await connection.redis.zadd(keys.KEYED_ALERTS, {chosen: changed["changed"]})
    return chosen


def packed(record: AlertRecord) -> bytes:
    """Return a record in its form: a field with its default is missing."""
    default = msgspec.to_builtins(AlertRecord())
    found = msgspec.to_builtins(record)
    return msgspec.msgpack.encode(
        {name: value for name, value in found.items() if value != default[name]}
    )

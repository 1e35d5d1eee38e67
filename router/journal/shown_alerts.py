"""The alerts that pages show: the last one that people were told of, by its key.

A worker records it when a message about the alert is delivered, in a process that makes links. The
record is not part of the journal's promise: without it the page shows what its link says. It has no
event but the facts that the message showed, so that it stays small.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.alerts import Alert, AlertKey, AlertStatus
from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PlainArguments, Script, ScriptKeys

SHOWN_LIMIT: Final = 20_000
"""The most alerts that are stored, about 20 MB."""
_TOLD: Final = "told:"


class ShownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a message showed it. Its texts are plain."""

    alert: Alert
    """Without its event, its values and its members."""
    summary: str
    facts: tuple[tuple[str, str], ...]
    """Labels and values."""


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the alerts with one key."""

    shown: ShownAlert
    status: AlertStatus
    since: float
    """Unix time in seconds of the first alert with this status."""
    told: Mapping[str, AlertStatus]
    """The last status that each destination was told, of those that are told acknowledgements."""


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(ShownAlert).decode


class ShownAlerts:
    """Stores the alerts that pages show. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: The clock.
        lasts: Seconds for which an alert is stored after its last message.
        limit: The most alerts that are stored; the oldest are deleted.
    """

    def __init__(
        self, connection: Connection, clock: Clock, *, lasts: float, limit: int = SHOWN_LIMIT
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._limit = limit
        self._lasts = lasts

    async def record(self, shown: ShownAlert, destination: str = "") -> None:
        """Record that people were told of an alert.

        Args:
            shown: The alert.
            destination: The destination that was told, if it is to be told of an acknowledgement.
        """
        alert = shown.alert
        await self._connection.run(
            _SHOW_ALERT(
                _ShowKeys(keys.shown_alert(alert.key), keys.SHOWN_AGES),
                _ShowArguments(
                    alert_key=alert.key,
                    prefix=keys.shown_alert(AlertKey("")),
                    alert=_encode(shown),
                    raised_ms=int(alert.raised_at * 1000),
                    status=alert.status,
                    told_field=f"{_TOLD}{destination}" if destination else "",
                    lasts_ms=max(1, int(self._lasts * 1000)),
                    limit=self._limit,
                    set_ms=self._clock.journal_ms(),
                ),
            )
        )

    async def state(self, key: AlertKey) -> AlertState | None:
        """Return the state of the alerts with a key; None if it is not known."""
        fields: dict[bytes, bytes] = await self._connection.ask(
            self._connection.redis.hgetall(keys.shown_alert(key))
        )
        try:
            return AlertState(
                shown=_decode(fields[b"alert"]),
                status=AlertStatus(fields[b"status"].decode()),
                since=int(fields[b"since"]) / 1000,
                told={
                    name.decode().removeprefix(_TOLD): AlertStatus(status.decode())
                    for name, status in fields.items()
                    if name.startswith(_TOLD.encode())
                },
            )
        except (KeyError, ValueError, msgspec.MsgspecError):
            return None  # nothing, or the record of another version


class _ShowKeys(ScriptKeys, frozen=True):
    shown: str
    ages: str


class _ShowArguments(PlainArguments, frozen=True):
    alert_key: str
    prefix: str
    alert: bytes
    raised_ms: int
    status: str
    told_field: str
    lasts_ms: int
    limit: int
    set_ms: int


_SHOW_ALERT: Final = Script("show_alert", _ShowKeys, _ShowArguments)

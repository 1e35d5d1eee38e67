"""Keyed alerts as they are: listed by their last change, found by their key (rules/state/keyed_alert.py).

The acknowledgement of an alert is a record of its own (``acknowledgements.py``), which is read with it.
A record that cannot be read, because it is damaged or a newer router wrote it, is listed as such.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from router.alerts import Alert, AlertKey
from router.errors import RecordError
from router.journal import keys
from router.journal.acknowledgements import Acknowledgement
from router.journal.connection import Connection, unavailable
from router.journal.pagination import (
    Finder,
    Matches,
    PageCursor,
    TimeRange,
    fitting,
    following,
    index_page,
)
from router.journal.records import RecordReader
from router.journal.unreadable import bytes_of, report, text_of
from router.rules.state.chain import StoredAlert, decode_alert
from router.rules.state.keyed_alert import FIRING, RESOLVED, AlertRecord
from router.rules.state.measured import restored

FORM: Final = 1
"""The newest form of an ``AlertRecord`` that this router reads."""
_ALERT: Final = "alert"
_RECORD: Final = "record"

_decode_record = msgspec.msgpack.Decoder(AlertRecord).decode


class KeyedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and the values of its ``by``: what is true of it, and who takes care of it."""

    key: AlertKey
    changed_at: float
    """When it changed last, in Unix seconds."""
    record: AlertRecord
    alert: Alert
    """The latest alert, from which notifications are rendered."""
    acknowledgement: Acknowledgement | None = None
    """The last one of the key, perhaps of an earlier life: see ``is_acknowledged``."""

    def is_expired(self, now: float) -> bool:
        """Return whether it is over because no further event came, at ``now`` in Unix seconds."""
        record = self.record
        return record.status == FIRING and 0 < record.until < now * 1000

    def status(self, now: float) -> str:
        """Return ``pending``, ``firing`` or ``resolved``, at ``now`` in Unix seconds."""
        return RESOLVED if self.is_expired(now) else self.record.status

    @property
    def is_acknowledged(self) -> bool:
        """Whether it was acknowledged in this life of it."""
        found, record = self.acknowledgement, self.record
        return found is not None and found.at * 1000 >= (record.opened_at or record.since)


class UnreadableAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A keyed alert that this router cannot read."""

    key: AlertKey
    changed_at: float
    """When it changed last, in Unix seconds."""
    reason: str


FoundAlert = KeyedAlert | UnreadableAlert


class KeyedAlerts:
    """Reads keyed alerts. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: str) -> FoundAlert | None:
        """Return the alert with a key; None if there is none."""
        member = bytes_of(key)
        score: float | None = await self._connection.ask(
            self._connection.redis.zscore(keys.KEYED_ALERTS, member)
        )
        if score is None:
            return None
        found = await self._read([PageCursor(int(score), key)])
        return found[0] if found else None

    async def latest_keys(self, count: int) -> list[str]:
        """Return the keys of the alerts that changed last."""
        found: list[bytes] = await self._connection.ask(
            self._connection.redis.zrevrange(keys.KEYED_ALERTS, 0, count - 1)
        )
        return list(map(text_of, found))

    def find(self, wanted: Callable[[FoundAlert], bool]) -> Finder[FoundAlert]:
        """Return a finder of the alerts for which ``wanted`` is true, the latest change first."""

        async def find_page(after: PageCursor | None, count: int) -> Matches[FoundAlert]:
            members = await index_page(
                self._connection,
                keys.KEYED_ALERTS,
                TimeRange(),
                after,
                count=count,
                newest_first=True,
            )
            number, size = fitting(await self._sizes(members))
            found = await self._read(members[:number])
            rest = following(members, number, count)
            return Matches(tuple(filter(wanted, found)), rest, size)

        return find_page

    async def _sizes(self, members: Sequence[PageCursor]) -> list[int]:
        pipeline = self._connection.redis.pipeline(transaction=False)
        for each in members:
            pipeline.hstrlen(_name(each), _ALERT)
        replies = await self._replies(pipeline)
        return [reply if isinstance(reply, int) else 0 for reply in replies]

    async def _read(self, members: Sequence[PageCursor]) -> list[FoundAlert]:
        """Return the alerts that exist, in order."""
        pipeline = self._connection.redis.pipeline(transaction=False)
        for each in members:
            pipeline.hmget(_name(each), _RECORD, _ALERT)
            pipeline.hmget(keys.acknowledgement(each.member), "by", "at")
        replies = await self._replies(pipeline)
        found = [
            _found(member, fields, acknowledgement)
            for member, fields, acknowledgement in zip(
                members, replies[::2], replies[1::2], strict=True
            )
        ]
        return [each for each in found if each is not None]

    async def _replies(self, pipeline: Any) -> list[Any]:
        """Return the replies of a pipeline; that of a key of another type is the error."""
        replies: list[Any] = await self._connection.ask(pipeline.execute(raise_on_error=False))
        for reply in replies:
            if isinstance(reply, RedisError) and not _is_wrong_type(reply):
                raise unavailable(reply)
        return replies


def _name(member: PageCursor) -> bytes:
    return keys.keyed_alert("").encode() + bytes_of(member.member)


def _is_wrong_type(reply: Any) -> bool:
    return isinstance(reply, RedisError) and "WRONGTYPE" in str(reply)


def _found(member: PageCursor, fields: Any, acknowledgement: Any) -> FoundAlert | None:
    """Return what Redis has at a key; None if nothing."""
    if _is_wrong_type(fields):
        return _unreadable(member, "not a keyed alert: its key has another type")
    record, alert = fields
    if record is None and alert is None:
        return None
    key = AlertKey(member.member)
    try:
        return KeyedAlert(
            key=key,
            changed_at=member.at_ms / 1000,
            record=_record_reader.read(record or b""),
            alert=restored(_alert_reader.read(alert or b"")),
            acknowledgement=_acknowledgement(key, acknowledgement),
        )
    except RecordError as error:
        return _unreadable(member, str(error))


def _unreadable(member: PageCursor, reason: str) -> UnreadableAlert:
    report("keyed alert", member.member, reason)
    return UnreadableAlert(
        key=AlertKey(member.member), changed_at=member.at_ms / 1000, reason=reason
    )


def _acknowledgement(key: AlertKey, fields: Any) -> Acknowledgement | None:
    """Return the acknowledgement in a reply; None if there is none, or it cannot be read."""
    try:
        by, at = fields
        return None if at is None else Acknowledgement((by or b"").decode(), int(at) / 1000)
    except (TypeError, ValueError) as error:
        report("acknowledgement", key, str(error))
        return None


def _decode(packed: bytes) -> AlertRecord:
    record = _decode_record(packed)
    if record.form > FORM:
        raise ValueError(f"form {record.form}")
    return record


def _version(record: Any) -> int:
    return 100 * int(record.get("form", FORM))


_record_reader: Final = RecordReader(
    "keyed alert", _decode, version=_version, limit=100 * (FORM + 1)
)
_alert_reader: Final[RecordReader[StoredAlert]] = RecordReader(
    "latest alert", decode_alert, version=lambda _: 0
)

"""The audit trail: what operators did, who, when and from where.

It is two streams in Redis, of which the oldest entries are dropped: one of those whom a token or a user
of the machine names, and one of readers of alert links and failed logins. Strangers can fill the second
one only, so that they cannot push what operators did out of the trail. Ids are times, unique in both.

An entry is written after the action, which it cannot fail: a crash between the two, or a Redis that
stopped answering, leaves the action without an entry. The log line comes first.
"""

import enum
import logging
import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from router.clock import Clock
from router.errors import JournalUnavailableError, RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.pagination import CHUNK, TimeRange
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import report

logger = logging.getLogger(__name__)

OPERATORS_LIMIT: Final = 10_000
"""Entries of operators that are stored."""
OTHERS_LIMIT: Final = 2_000
"""Entries of readers of links and of failed logins that are stored."""
_TEXT_LIMIT: Final = 200
"""Characters of a text of an entry."""
_MAX_DETAILS: Final = 8
_CURSOR: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")


class Via(enum.StrEnum):
    """The way by which an action came."""

    API = "api"
    CONSOLE = "console"
    CLI = "cli"
    LINK = "link"
    """The signed link of an alert."""


class AuditAction(enum.StrEnum):
    """An action that is recorded."""

    SILENCED = "silenced"
    EXPIRED = "expired"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    RESOLVED = "resolved"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETRIED = "retried"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    RELOADED = "reloaded"
    TESTED = "tested"
    RESET = "reset"
    LOGGED_IN = "logged_in"
    LOGIN_FAILED = "login_failed"


class Audited(enum.StrEnum):
    """The kind of what was acted on."""

    ALERT = "alert"
    SILENCE = "silence"
    DESTINATION = "destination"
    DEAD_LETTERS = "dead_letters"
    QUARANTINE = "quarantine"
    DELIVERIES = "deliveries"
    EVENTS = "events"
    RULES = "rules"
    STREAM = "stream"
    CONSOLE = "console"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One action. Its words are texts, so that those of a newer version can be shown."""

    action: str
    """One of ``AuditAction``."""
    kind: str
    """One of ``Audited``."""
    object: str = ""
    """The key, id or name of what was acted on; ``""`` if there is only one of its kind."""
    by: str = ""
    """Whom the token or the machine names; ``""`` for a token without a name and for a link."""
    named: str = ""
    """Whom the request names, which nothing proves."""
    via: str
    """One of ``Via``."""
    address: str = ""
    """The caller's address, or the name of the machine that ran a command."""
    details: Mapping[str, str | int] = {}
    version: Annotated[int, msgspec.Meta(lt=200)] = 100
    """See ``router.journal.records``."""

    @property
    def is_of_operator(self) -> bool:
        """Return whether a token or the machine proves who it was."""
        return self.via != Via.LINK and self.action != AuditAction.LOGIN_FAILED


class AuditRecord(msgspec.Struct, frozen=True):
    """An entry with its id, which is its time."""

    id: str
    entry: AuditEntry

    @property
    def at(self) -> float:
        """Unix time in seconds."""
        return _position(self.id)[0] / 1000


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The entries that are wanted; an empty filter matches all."""

    name: str = ""
    """The name of a token, of a user, or one that a request gave; in any letter case."""
    action: str = ""
    times: TimeRange = TimeRange()

    def matches(self, entry: AuditEntry) -> bool:
        """Return whether an entry is wanted; its time is not looked at."""
        names = (entry.by.casefold(), entry.named.casefold())
        is_named = not self.name or self.name.casefold() in names
        return is_named and self.action in ("", entry.action)


class FoundEntries(msgspec.Struct, frozen=True):
    """A page of entries, newest first."""

    items: tuple[AuditRecord, ...]
    after: str
    """The cursor of the next page; ``""`` at the end. A page may be empty before the end."""


_encode = msgspec.msgpack.encode
_reader = RecordReader(
    "audit entry", msgspec.msgpack.Decoder(AuditEntry).decode, version=version_of_map
)


class Audit:
    """Stores and reads the audit trail."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._set_ms = clock.journal_ms

    async def record(self, entry: AuditEntry) -> None:
        """Log and store an entry.

        It raises nothing if Redis is unavailable, because the action is done.
        """
        entry = _shortened(entry)
        logger.info("audit", extra=_fields(entry))
        streams = (keys.AUDIT, keys.AUDIT_OTHERS)
        limit = OPERATORS_LIMIT
        if not entry.is_of_operator:
            streams, limit = (keys.AUDIT_OTHERS, keys.AUDIT), OTHERS_LIMIT
        arguments = _AuditArguments(binary(_encode(entry)), limit, self._set_ms())
        try:
            await self._connection.run(_AUDIT(_AuditKeys(*streams), arguments))
        except JournalUnavailableError as error:
            logger.warning("audit entry not stored", extra={"reason": str(error)})

    async def page(
        self, wanted: AuditFilter, after: str = "", *, limit: int, max_scanned: int = 2_000
    ) -> FoundEntries:
        """Return up to ``limit`` entries after a cursor, newest first.

        Args:
            wanted: Which ones.
            after: The cursor of the page before; ``""`` for the first page.
            limit: At least 1.
            max_scanned: Entries that are read at most, whether they match or not.

        Raises:
            ValueError: ``after`` is not a cursor.
            JournalUnavailableError: Redis did not answer in time.
        """
        if after and _CURSOR.fullmatch(after) is None:
            raise ValueError(f"{after[:60]!r} is not a cursor: use the one of the previous page")
        items: list[AuditRecord] = []
        scanned = 0
        while True:
            read, is_end = await self._before(after, wanted.times)
            for stored_id, record in read:
                after = stored_id
                scanned += 1
                entry = _readable(stored_id, record)
                if entry is not None and wanted.matches(entry):
                    items.append(AuditRecord(stored_id, entry))
                if len(items) == limit or scanned == max_scanned:
                    is_last = is_end and stored_id == read[-1][0]
                    return FoundEntries(tuple(items), "" if is_last else after)
            if is_end:
                return FoundEntries(tuple(items), "")

    async def _before(self, after: str, times: TimeRange) -> tuple[list[tuple[str, bytes]], bool]:
        """Return the ids and records of CHUNK entries before an id, and whether there are no more."""
        # An id has no negative time, which an age of centuries is.
        last = "+" if times.last_ms is None else str(max(times.last_ms, 0))
        first = "-" if times.first_ms is None else str(max(times.first_ms, 0))
        if after and (times.last_ms is None or _position(after)[0] <= times.last_ms):
            last = f"({after}"
        pipeline = self._connection.redis.pipeline(transaction=False)
        for stream in (keys.AUDIT, keys.AUDIT_OTHERS):
            pipeline.xrevrange(stream, last, first, count=CHUNK)
        found = await self._connection.ask(pipeline.execute())
        read = [
            (entry_id.decode(), fields.get(b"entry", b""))
            for of in found
            for entry_id, fields in of
        ]
        read.sort(key=lambda each: _position(each[0]), reverse=True)
        is_end = len(read) <= CHUNK and all(len(of) < CHUNK for of in found)
        return read[:CHUNK], is_end


def _position(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)


def _readable(entry_id: str, record: bytes) -> AuditEntry | None:
    """Return the entry of a record; None if it cannot be read, which is reported."""
    try:
        return _reader.read(record)
    except RecordError as error:
        report("audit entry", entry_id, str(error))
        return None


def _shortened(entry: AuditEntry) -> AuditEntry:
    """Return an entry whose texts have a bounded length."""
    details = {
        name: value[:_TEXT_LIMIT] if isinstance(value, str) else value
        for name, value in list(entry.details.items())[:_MAX_DETAILS]
    }
    return msgspec.structs.replace(
        entry,
        object=entry.object[:_TEXT_LIMIT],
        by=entry.by[:_TEXT_LIMIT],
        named=entry.named[:_TEXT_LIMIT],
        address=entry.address[:_TEXT_LIMIT],
        details=details,
    )


def _fields(entry: AuditEntry) -> dict[str, object]:
    """Return the fields of the log line: those that say something."""
    fields = {
        "action": entry.action,
        "kind": entry.kind,
        "object": entry.object,
        "by": entry.by,
        "named": entry.named,
        "via": entry.via,
        "address": entry.address,
        "details": " ".join(f"{name}={value}" for name, value in entry.details.items()),
    }
    return {name: value for name, value in fields.items() if value}


class _AuditKeys(ScriptKeys, frozen=True):
    stream: str
    other_stream: str


class _AuditArguments(PackedArguments, frozen=True):
    entry: msgspec.Raw
    limit: int
    set_ms: int


_AUDIT: Final = Script("audit", _AuditKeys, _AuditArguments)

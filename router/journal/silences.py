"""Silences that operators add while the router runs. Those of the rules folder are elsewhere.

A change is published, so that every worker reads it at once. Workers also read every few seconds.
"""

import logging
from typing import Annotated, Final

import msgspec

from router.clock import Clock
from router.errors import ConditionError, OverloadedError, RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.rules.suppression.silences import Silence, SilenceText, silence

logger = logging.getLogger(__name__)

SILENCES_LIMIT: Final = 1000
"""The most silences that have not ended."""
LINK_SILENCES_LIMIT: Final = 900
"""The most silences at which the links of alerts still add one; the rest is left to operators."""
KEPT_SECONDS: Final = 5 * 86_400
"""How long a silence is listed after its end."""

_encode = msgspec.json.encode


class StoredSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence in the journal. Times are Unix seconds."""

    id: str
    text: SilenceText
    created_at: float
    ended_at: float | None = None
    """When an operator ended it, before its time; None if none did."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 100
    """See ``router.journal.records``."""

    def compiled(self) -> Silence:
        """Return the silence in force.

        Raises:
            ConditionError: Its condition is invalid. It was valid when it was added, but another
                version of the router may have added it.
        """
        compiled = silence(self.id, self.text)
        starts = compiled.starts or self.created_at
        ends = compiled.ends if self.ended_at is None else min(self.ended_at, compiled.ends)
        return msgspec.structs.replace(compiled, starts=starts, ends=ends)


_reader = RecordReader(
    "silence",
    msgspec.json.Decoder(StoredSilence).decode,
    version=version_of_map,
    parse=msgspec.json.decode,
)


class Silences:
    """Adds, ends and lists silences. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now
        self._new_id = clock.new_id

    async def add(self, text: SilenceText, *, link_id: str = "") -> StoredSilence:
        """Add a silence.

        Args:
            text: The silence.
            link_id: The id of a silence that a link adds. It replaces an earlier one with this id,
                so that one link cannot add many. ``""`` for an operator's silence, with a new id.

        Raises:
            ConditionError: Its condition is invalid.
            OverloadedError: There are SILENCES_LIMIT silences already, or LINK_SILENCES_LIMIT.
        """
        now = self._now()
        limit = LINK_SILENCES_LIMIT if link_id else SILENCES_LIMIT
        stored = StoredSilence(id=link_id or self._new_id(), text=text, created_at=now)
        ends = stored.compiled().ends
        added = await self._connection.run(
            _ADD(
                _AddKeys(keys.SILENCES, keys.SILENCE_ENDS),
                _AddArguments(
                    id=stored.id,
                    record=binary(_encode(stored)),
                    end_ms=int(ends * 1000),
                    ended_before_ms=int((now - KEPT_SECONDS) * 1000),
                    now_ms=int(now * 1000),
                    limit=limit,
                    channel=keys.SILENCES_CHANGED,
                ),
            )
        )
        if not added:
            raise OverloadedError(f"there are {limit} silences already: end some of them")
        return stored

    async def expire(self, silence_id: str) -> StoredSilence | None:
        """End a silence now; return it, or None if there is none with this id. Idempotent.

        A record that this version cannot read counts as none.
        """
        now = self._now()
        record = await self._connection.ask(self._connection.redis.hget(keys.SILENCES, silence_id))
        stored = None if record is None else _readable(record)
        if stored is None:
            return None
        if stored.ended_at is None and stored.compiled().ends > now:
            stored = msgspec.structs.replace(stored, ended_at=now)
            async with self._connection.redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(keys.SILENCES, silence_id, _encode(stored))
                pipeline.zadd(keys.SILENCE_ENDS, {silence_id: int(now * 1000)})
                pipeline.publish(keys.SILENCES_CHANGED, "")
                await self._connection.ask(pipeline.execute())
        return stored

    async def all(self) -> list[StoredSilence]:
        """Return the silences that have not ended or ended lately, newest first.

        A record that this version cannot read is left out, with a log message.
        """
        records: list[bytes] = await self._connection.ask(
            self._connection.redis.hvals(keys.SILENCES)
        )
        found = [stored for record in records if (stored := _readable(record)) is not None]
        return sorted(found, key=lambda stored: (-stored.created_at, stored.id))


def _readable(record: bytes) -> StoredSilence | None:
    try:
        stored = _reader.read(record)
        stored.compiled()
    except (RecordError, ConditionError) as error:
        logger.warning("unreadable silence left out", extra={"reason": str(error)})
        return None
    return stored


class _AddKeys(ScriptKeys, frozen=True):
    silences: str
    silence_ends: str


class _AddArguments(PackedArguments, frozen=True):
    id: str
    record: msgspec.Raw
    end_ms: int
    ended_before_ms: int
    now_ms: int
    limit: int
    channel: str


_ADD: Final = Script("add_silence", _AddKeys, _AddArguments)

"""Silences that operators add while the router runs. Those of the rules folder are elsewhere.

A change is published, so that every worker reads it at once. Workers also read every few seconds.
"""

from typing import Annotated, Final

import msgspec

from router.clock import Clock
from router.errors import ConditionError, OverloadedError, RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import UNREADABLE, bytes_of, report, text_of
from router.rules.suppression.silences import Silence, SilenceText, silence

SILENCES_LIMIT: Final = 1000
"""The most silences that have not ended."""
LINK_SILENCES_LIMIT: Final = 900
"""The most silences at which the links of alerts still add one; the rest is left to operators."""
_KEPT: Final = 2 * SILENCES_LIMIT
"""The most silences that are stored, those that have ended included."""
KEPT_SECONDS: Final = 5 * 86_400
"""How long a silence is listed after its end, if there are not too many."""

_LONG_AGO: Final = "1970-01-02T00:00:00Z"
_encode = msgspec.json.encode


class StoredSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence in the journal. Times are Unix seconds."""

    id: str
    text: SilenceText
    created_at: float
    ended_at: float | None = None
    """When an operator ended it, before its time; None if none did."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 101
    """See ``router.journal.records``."""

    @property
    def is_unreadable(self) -> bool:
        """Whether it stands for a record that cannot be read."""
        return self.text.comment.startswith(UNREADABLE)

    def compiled(self) -> Silence:
        """Return the silence in force.

        Raises:
            ConditionError: Its condition is invalid. It was valid when it was added, but another
                version of the router may have added it.
        """
        compiled = silence(self.id, self.text, added_at=self.created_at)
        if self.ended_at is None:
            return compiled
        return msgspec.structs.replace(compiled, ends=min(self.ended_at, compiled.ends))


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
                    kept=_KEPT,
                    channel=keys.SILENCES_CHANGED,
                ),
            )
        )
        if not added:
            raise OverloadedError(f"there are {limit} silences already: end some of them")
        return stored

    async def expire(self, silence_id: str) -> StoredSilence | None:
        """End a silence now; return it, or None if there is none with this id. Idempotent.

        A record that cannot be read is deleted; one of a newer version ends for all versions.
        """
        now = self._now()
        record = await self._connection.ask(
            self._connection.redis.hget(keys.SILENCES, bytes_of(silence_id))
        )
        if record is None:
            return None
        stored = _readable(silence_id, record)
        if stored.is_unreadable:
            await self._delete(silence_id)
            return stored
        if stored.ended_at is None and stored.compiled().ends > now:
            stored = msgspec.structs.replace(stored, ended_at=now)
            async with self._connection.redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(keys.SILENCES, silence_id, _encode(stored))
                pipeline.zadd(keys.SILENCE_ENDS, {silence_id: int(now * 1000)})
                pipeline.publish(keys.SILENCES_CHANGED, "")
                await self._connection.ask(pipeline.execute())
        return stored

    async def _delete(self, silence_id: str) -> None:
        name = bytes_of(silence_id)
        async with self._connection.redis.pipeline(transaction=True) as pipeline:
            pipeline.hdel(keys.SILENCES, name)
            pipeline.zrem(keys.SILENCE_ENDS, name)
            pipeline.publish(keys.SILENCES_CHANGED, "")
            await self._connection.ask(pipeline.execute())

    async def all(self) -> list[StoredSilence]:
        """Return the silences that have not ended or ended lately, newest first.

        One that this version cannot read is listed as ended, with the reason as its comment.
        """
        records: dict[bytes, bytes] = await self._connection.ask(
            self._connection.redis.hgetall(keys.SILENCES)
        )
        found = [_readable(text_of(name), record) for name, record in records.items()]
        return sorted(found, key=lambda stored: (-stored.created_at, stored.id))


def _readable(silence_id: str, record: bytes) -> StoredSilence:
    """Return the silence; one that cannot be read is one that has ended, with the reason."""
    try:
        stored = _reader.read(record)
        stored.compiled()
    except (RecordError, ConditionError, ValueError, OverflowError) as error:
        report("silence", silence_id, str(error))
        text = SilenceText(
            match={"rule": ""},
            ends=_LONG_AGO,
            author="router",
            comment=f"{UNREADABLE}{error}"[:900],
        )
        return StoredSilence(id=silence_id, text=text, created_at=0.0, ended_at=0.0)
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
    kept: int
    channel: str


_ADD: Final = Script("add_silence", _AddKeys, _AddArguments)

"""Silences that operators make while the router runs. Those of the rules folder are not here.

A change is published, so that every worker knows of it at once; workers look every few seconds, too.
"""

import logging
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import ConditionError, OverloadedError
from router.journal import keys
from router.journal.connection import Connection, Script
from router.rules.suppression.silences import Silence, SilenceText, silence

logger = logging.getLogger(__name__)

SILENCES_LIMIT: Final = 1000
"""Silences that have not ended."""
KEPT_SECONDS: Final = 5 * 86_400
"""How long after its end a silence is still listed."""

_ADD: Final = Script("add_silence")
_encode = msgspec.json.encode


class StoredSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as the journal has it. Times are Unix seconds."""

    id: str
    text: SilenceText
    created_at: float
    ended_at: float | None = None
    """When it was ended by hand, before its time."""

    def compiled(self) -> Silence:
        """Raises ConditionError; what is in the journal was checked, but maybe by another version."""
        compiled = silence(self.id, self.text)
        starts = compiled.starts or self.created_at
        ends = compiled.ends if self.ended_at is None else min(self.ended_at, compiled.ends)
        return msgspec.structs.replace(compiled, starts=starts, ends=ends)


_decode = msgspec.json.Decoder(StoredSilence).decode


class Silences:
    """The journal's side of silencing."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now
        self._new_id = clock.new_id

    async def add(self, text: SilenceText) -> StoredSilence:
        """Put a silence in force from its start on.

        Raises ConditionError, OverloadedError for too many, JournalUnavailableError.
        """
        now = self._now()
        posted = StoredSilence(id=self._new_id(), text=text, created_at=now)
        ends = posted.compiled().ends
        added = await self._connection.run(
            _ADD,
            [keys.SILENCES, keys.SILENCE_ENDS],
            [
                posted.id,
                _encode(posted),
                int(ends * 1000),
                int((now - KEPT_SECONDS) * 1000),
                int(now * 1000),
                SILENCES_LIMIT,
                keys.SILENCES_CHANGED,
            ],
        )
        if not added:
            raise OverloadedError(f"there are {SILENCES_LIMIT} silences already, end some of them")
        return posted

    async def expire(self, silence_id: str) -> StoredSilence | None:
        """End a silence now; None where there is none with this id. Idempotent."""
        now = self._now()
        record = await self._connection.ask(self._connection.redis.hget(keys.SILENCES, silence_id))
        if record is None:
            return None
        posted = _decode(record)
        if posted.ended_at is None and posted.compiled().ends > now:
            posted = msgspec.structs.replace(posted, ended_at=now)
            async with self._connection.redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(keys.SILENCES, silence_id, _encode(posted))
                pipeline.zadd(keys.SILENCE_ENDS, {silence_id: int(now * 1000)})
                pipeline.publish(keys.SILENCES_CHANGED, "")
                await self._connection.ask(pipeline.execute())
        return posted

    async def all(self) -> list[StoredSilence]:
        """Those that have not ended, and those that did a short while ago; newest first.

        A record that this version cannot read is left out. Raises JournalUnavailableError.
        """
        records: list[bytes] = await self._connection.ask(
            self._connection.redis.hvals(keys.SILENCES)
        )
        found = [posted for record in records if (posted := _readable(record)) is not None]
        return sorted(found, key=lambda posted: (-posted.created_at, posted.id))


def _readable(record: bytes) -> StoredSilence | None:
    try:
        posted = _decode(record)
        posted.compiled()
    except (msgspec.MsgspecError, UnicodeDecodeError, ConditionError) as error:
        logger.warning("a silence cannot be read, it is not in force: %s", error)
        return None
    return posted

"""Destinations that are paused: by an operator, or because the receiver is gone or refuses everything.

Each transition is one command, or compares what it replaces. The deliveries of a paused destination stay in its queue, however
long the pause lasts.
"""

import enum
from typing import Annotated, Final

import msgspec

from router.errors import RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import bytes_of, report, text_of


class PauseKind(enum.StrEnum):
    """Why a destination is paused."""

    PAUSED = "paused"
    """An operator paused it."""
    DISABLED = "disabled"
    """Its receiver answered that it is gone (HTTP 410)."""
    REFUSED = "refused"
    """It refused deliveries one after the other. It is tried from time to time, and resumes by itself
    when it accepts one."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause of a destination."""

    kind: PauseKind
    at: float
    """Unix time in seconds."""
    reason: str = ""
    by: str = ""
    """The operator; ``""`` if there is none."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 100
    """See ``router.journal.records``."""


_encode = msgspec.msgpack.encode
_reader = RecordReader("pause", msgspec.msgpack.Decoder(Pause).decode, version=version_of_map)


class Pauses:
    """The pauses of all destinations. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def pause(self, destination: str, pause: Pause) -> bool:
        """Pause a destination until it is resumed; return False if it is paused already.

        A pause for refusals is replaced by that of an operator, which does not end by itself.
        """
        known = b"" if pause.kind is PauseKind.REFUSED else await self._refused(destination)
        return await self._replace(destination, known, _encode(pause))

    async def resume(self, destination: str) -> bool:
        """End the pause of a destination; return False if it is not paused."""
        name = bytes_of(destination)
        deleted = await self._connection.ask(self._connection.redis.hdel(keys.PAUSES, name))
        return bool(deleted)

    async def resume_refused(self, destination: str) -> None:
        """End the pause of a destination if it is one for refusals."""
        known = await self._refused(destination)
        if known:
            await self._replace(destination, known, b"")

    async def _refused(self, destination: str) -> bytes:
        """Return the record of a pause for refusals; empty if there is none."""
        name = bytes_of(destination)
        record = await self._connection.ask(self._connection.redis.hget(keys.PAUSES, name))
        is_refused = record and _readable(destination, record).kind is PauseKind.REFUSED
        return record if is_refused else b""

    async def _replace(self, destination: str, known: bytes, record: bytes) -> bool:
        arguments = _PauseArguments(destination, binary(known), binary(record))
        return bool(await self._connection.run(_PAUSE(_PauseKeys(keys.PAUSES), arguments)))

    async def all(self) -> dict[str, Pause]:
        """Return the paused destinations.

        One whose record cannot be read is paused too, because a delivery can wait and cannot be
        taken back.
        """
        records: dict[bytes, bytes] = await self._connection.ask(
            self._connection.redis.hgetall(keys.PAUSES)
        )
        return {text_of(name): _readable(text_of(name), record) for name, record in records.items()}


def _readable(destination: str, record: bytes) -> Pause:
    try:
        return _reader.read(record)
    except RecordError as error:
        report("pause", destination, str(error))
        return Pause(kind=PauseKind.PAUSED, at=0.0, reason=str(error))


class _PauseKeys(ScriptKeys, frozen=True):
    pauses: str


class _PauseArguments(PackedArguments, frozen=True):
    destination: str
    known: msgspec.Raw
    """The record that is replaced; empty for none."""
    record: msgspec.Raw
    """The new record; empty to end the pause."""


_PAUSE: Final = Script("pause", _PauseKeys, _PauseArguments)

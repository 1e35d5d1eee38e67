"""Destinations that are held: by an operator who paused them, or by a receiver that is gone.

Each transition is one command, so there is nothing between two of them. What waits for a held
destination stays in its queue, however long that takes.
"""

import enum

import msgspec

from router.journal import keys
from router.journal.connection import Connection


class PauseKind(enum.StrEnum):
    PAUSED = "paused"
    """By an operator."""
    DISABLED = "disabled"
    """By the receiver's own word that it is gone (410)."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is sent to a destination."""

    kind: PauseKind
    at: float
    """Unix time in seconds."""
    reason: str = ""
    by: str = ""


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Pause).decode


class Pauses:
    """Who is held. All calls raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def pause(self, destination: str, pause: Pause) -> bool:
        """Pause a destination until it is released; False when it is held already."""
        won = await self._connection.ask(
            self._connection.redis.hsetnx(keys.PAUSES, destination, _encode(pause))
        )
        return bool(won)

    async def resume(self, destination: str) -> bool:
        """Let it go on; False when it was not held."""
        held = await self._connection.ask(self._connection.redis.hdel(keys.PAUSES, destination))
        return bool(held)

    async def all(self) -> dict[str, Pause]:
        held: dict[bytes, bytes] = await self._connection.ask(
            self._connection.redis.hgetall(keys.PAUSES)
        )
        return {name.decode(): _decode(record) for name, record in held.items()}

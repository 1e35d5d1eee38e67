"""How destinations are, as the workers see them: the state of their circuits, and their last error.

Each process has its own circuit for a destination, and writes its state when it changes. Other processes
show it. Nothing depends on what is written here: the last error and the circuit of a process that was
killed expire.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

from router.clock import Clock
from router.journal import destination_keys
from router.journal.connection import Connection

ERROR_SECONDS: Final = 8 * 86_400
"""How long the last error of a destination is stored."""
_CIRCUIT_SECONDS: Final = 3600
"""How long the circuits of a destination are stored after a change, if none is open for longer."""
_GRACE_MS: Final = 60_000
"""How long a circuit that was open counts as such without a trial: it needs a delivery to be tried by."""

_encode = msgspec.msgpack.encode


class CircuitRecord(msgspec.Struct, frozen=True, array_like=True):
    """The circuit of a destination in one process."""

    state: Annotated[int, msgspec.Meta(ge=0, le=2)]
    """As in ``router_circuit_state``: 0 closed, 1 half open, 2 open."""
    until_ms: int
    """Unix ms until which it is open; when it changed for another state."""


class LastError(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The last attempt at a destination that failed or was refused."""

    at: float
    """Unix time in seconds."""
    reason: str
    """The error and, if a table of errors has it, what to do about it."""
    status: int | None = None
    response: str = ""


class ReportedHealth(msgspec.Struct, frozen=True):
    """The reports of all processes about a destination."""

    circuit: CircuitRecord = CircuitRecord(0, 0)
    """The circuit of the process in which it is open for the longest time."""
    error: LastError | None = None


_decode_circuit = msgspec.msgpack.Decoder(CircuitRecord).decode
_decode_error = msgspec.msgpack.Decoder(LastError).decode


class DestinationHealth:
    """The reports of all processes. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now

    async def report(
        self,
        process: str,
        circuits: Mapping[str, CircuitRecord],
        errors: Mapping[str, LastError],
    ) -> None:
        """Store what a process has seen, by destination. Idempotent."""
        pipeline = self._connection.redis.pipeline(transaction=False)
        for name, circuit in circuits.items():
            key = destination_keys.circuits(name)
            if circuit.state == 0:
                pipeline.hdel(key, process)
                continue
            pipeline.hset(key, process, _encode(circuit))
            open_for = int(circuit.until_ms / 1000 - self._now())
            pipeline.expire(key, _CIRCUIT_SECONDS + max(0, open_for))
        for name, error in errors.items():
            pipeline.set(destination_keys.last_error(name), _encode(error), ex=ERROR_SECONDS)
        await self._connection.ask(pipeline.execute())

    async def read(self, names: Iterable[str]) -> dict[str, ReportedHealth]:
        """Return the reports about destinations; one that cannot be read is as none."""
        names = list(names)
        pipeline = self._connection.redis.pipeline(transaction=False)
        for name in names:
            pipeline.hvals(destination_keys.circuits(name))
            pipeline.get(destination_keys.last_error(name))
        # An error reply is a key of another type.
        replies = await self._connection.ask(pipeline.execute(raise_on_error=False))
        return {
            name: ReportedHealth(self._circuit(circuits), _last_error(error))
            for name, circuits, error in zip(names, replies[::2], replies[1::2], strict=True)
        }

    def _circuit(self, records: object) -> CircuitRecord:
        now_ms = self._now() * 1000
        found = [CircuitRecord(0, 0)]
        for record in records if isinstance(records, list) else ():
            try:
                circuit = _decode_circuit(record)
            except msgspec.MsgspecError:
                continue
            if circuit.until_ms + _GRACE_MS > now_ms:
                found.append(circuit)
        return max(found, key=lambda each: (each.state, each.until_ms))


def _last_error(record: object) -> LastError | None:
    try:
        return _decode_error(record) if isinstance(record, bytes) else None
    except msgspec.MsgspecError:
        return None

"""Chains of steps, and the store that decides them.

A match becomes a chain of steps, decided one after the other until one of them stops it: *is the
count reached? is it silenced? is it cooling down?* If no step stops it, destinations are notified.
All chains of a batch are decided in one transaction by a ``Store``: Redis (journal/rule_state.py)
or memory (memory_store.py), with the same results.

Invariant: a chain is decided once for each piece of work (a batch or a timer). A second call, after
a crash or by a second worker, returns the stored result. A rerun therefore notifies the same
destinations and counts nothing twice, and no step needs an undo.

Times are Unix milliseconds. ``at`` is the event's own time, ``now`` the worker's.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from router.alerts import Alert
from router.errors import RouterError
from router.rules.state.step import ChainResult, Step


class Chain(msgspec.Struct, frozen=True):
    """Steps that belong together."""

    id: str
    """The same whenever the same work is done again."""
    steps: tuple[Step, ...]
    alert: bytes = b""
    """The alert as ``encode_alert`` makes it, for the steps that store it."""


class StoredAlert(msgspec.Struct, frozen=True, array_like=True):
    """An alert as a store has it, with the destinations that it is for."""

    alert: Alert
    send_to: tuple[str, ...]
    words: tuple[str, ...] = ()
    """The figures that a step appends, for ``measured.restored``. Always the last field."""


encode_alert: Final = msgspec.msgpack.encode
"""Encode a ``StoredAlert``."""
decode_alert: Final = msgspec.msgpack.Decoder(StoredAlert).decode
"""Decode a ``StoredAlert``."""


class WorkFinishedError(RouterError):
    """Raised when another worker has finished the batch or timer: nothing is decided any more."""


class Store(Protocol):
    """State of rules, for one piece of work at one moment."""

    async def decide(self, chains: Sequence[Chain]) -> list[ChainResult]:
        """Decide each chain once, in order; return the stored result of those decided before.

        Raises:
            WorkFinishedError: Another worker has finished the work.
            JournalUnavailableError: Redis did not confirm in time; any chain may be decided.
        """
        ...

"""Finds an event that is accepted and not evaluated yet, in the open batches.

The search is bounded: a backlog may be larger than what it reads.
"""

from typing import Final

import msgspec

from router.events.model import Event
from router.journal import keys
from router.journal.connection import Connection
from router.journal.unreadable import text_of

_BATCHES: Final = 500
"""Batches that are searched: as many of the oldest, and of the newest."""
_BYTES: Final = 32 << 20
"""Bytes of batches that are read."""
_PAYLOADS: Final = 100
"""Commits of a batch that are read at once."""
_decode: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_event: Final = msgspec.msgpack.Decoder(Event).decode


class WaitingSearch(msgspec.Struct, frozen=True):
    """The result of a search."""

    event: Event | None
    is_complete: bool
    """Whether all open batches were searched."""


async def find_waiting(connection: Connection, event_id: str, source: str = "") -> WaitingSearch:
    """Return the event with an id, and with a source unless that is ``""``, in the open batches.

    Raises JournalUnavailableError.
    """
    ask, redis = connection.ask, connection.redis
    newest = await ask(redis.zrange(keys.BATCHES, 0, _BATCHES - 1, desc=True))
    names = list(newest)
    if len(newest) == _BATCHES:
        names += await ask(redis.zrange(keys.BATCHES, 0, _BATCHES - 1))
    wanted = event_id.encode("utf-8", "surrogatepass")
    size = 0
    for name in dict.fromkeys(names):
        key = keys.batch(keys.BatchId(text_of(name)))
        start = 0
        while size < _BYTES:
            payloads = await ask(redis.lrange(key, start, start + _PAYLOADS - 1))
            for payload in payloads:
                size += len(payload)
                found = _in_payload(payload, wanted, event_id, source)
                if found is not None:
                    return WaitingSearch(found, True)
            start += _PAYLOADS
            if len(payloads) < _PAYLOADS:
                break
    return WaitingSearch(None, len(newest) < _BATCHES and size < _BYTES)


def _in_payload(payload: bytes, wanted: bytes, event_id: str, source: str) -> Event | None:
    if wanted not in payload:  # so that few are decoded
        return None
    try:
        events = _decode(payload)
    except msgspec.MsgspecError:
        return None
    for raw in events:
        try:
            event = _decode_event(raw)
        except msgspec.MsgspecError:
            continue
        if event.id == event_id and (not source or event.source == source):
            return event
    return None

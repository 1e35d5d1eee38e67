"""The threads of a Slack channel: which message began the thread of an alert key.

A thread belongs to one channel of one workspace. Its key in the store therefore contains a digest
of both, so that a destination that moved begins new threads. The record contains the first message
as it was posted, because an update of a message in Slack replaces all of it.
"""

import asyncio
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from router.alerts import Alert, AlertKey
from router.destinations.contract import DestinationStore
from router.destinations.slack_config import SlackConfig

_FIRST_LIMIT: Final = 256 * 1024
"""Bytes of a first message, far more than any has."""


class SlackThread(msgspec.Struct, frozen=True, kw_only=True):
    """The thread of an alert key."""

    channel: str
    ts: str
    """Slack's id of the first message."""
    # The name in Redis is that of the first release.
    messages: int = msgspec.field(default=1, name="told")
    acknowledged: str = ""
    """The sentence that its alert is acknowledged; ``""`` if it is not, or fires again since."""
    first: bytes = b""
    """The first message, compressed JSON; ``b""`` if it is not stored, as of an alert that stands
    alone, of which there may be very many."""
    ended: bool = False
    """Whether it ended, and only the update of its first message is left."""

    @property
    def message(self) -> dict[str, Any] | None:
        """The first message as it was posted; None if it is not known."""
        try:
            content = zlib.decompressobj().decompress(self.first, _FIRST_LIMIT)
            found = msgspec.json.decode(content)
        except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found if isinstance(found, dict) else None


class SlackThreads:
    """The threads of one destination, in the store that all workers share.

    Args:
        name: The destination's name.
        config: The destination's configuration, with a token.
        store: None for no threads.
    """

    def __init__(self, name: str, config: SlackConfig, store: DestinationStore | None) -> None:
        self._store = store if config.threads else None
        self._seconds = config.threads
        token = config.token.reveal() if config.token else ""
        identity = f"{config.api_url}\x00{token}\x00{config.channel}"
        digest = blake2b(identity.encode(), digest_size=12, person=b"slack threads").hexdigest()
        self._prefix = f"slack-thread:{name}:{digest}:"
        self._old_prefix = f"slack-thread:{name}:"
        self._channel = config.channel
        self._locks: WeakValueDictionary[AlertKey, asyncio.Lock] = WeakValueDictionary()

    def lock(self, key: AlertKey) -> asyncio.Lock:
        """Return the lock of a key, so that two alerts at once do not begin two threads."""
        if not key or self._store is None:
            return asyncio.Lock()
        return self._locks.setdefault(key, asyncio.Lock())

    async def load(self, key: AlertKey) -> SlackThread | None:
        """Return the thread of a key; None if there is none."""
        if not key or self._store is None:
            return None
        thread = _decoded(await self._store.get(self._prefix + key))
        if thread is not None:
            return thread
        # The first release had one thread for a key, whatever the channel.
        thread = _decoded(await self._store.get(self._old_prefix + key))
        return thread if thread is not None and thread.channel == self._channel else None

    async def store(self, key: AlertKey, thread: SlackThread, *, is_over: bool = False) -> None:
        """Store the thread of a key, from now for the configured time; forget one that is over."""
        if is_over:
            await self.end(key)
        elif key and self._store is not None:
            await self._store.put(
                self._prefix + key, msgspec.msgpack.encode(thread), seconds=self._seconds
            )

    async def end(self, key: AlertKey) -> None:
        """Forget the thread of a key, so that its next alert begins a new one."""
        if key and self._store is not None:
            await self._store.delete(self._prefix + key)
            await self._store.delete(self._old_prefix + key)


def begun(alert: Alert, channel: str, ts: str, message: Mapping[str, Any]) -> SlackThread:
    """Return the thread that a posted message about an alert begins."""
    stands_alone = str(alert.key) == alert.id
    first = b"" if stands_alone else zlib.compress(msgspec.json.encode(message))
    return SlackThread(channel=channel, ts=ts, first=first)


def _decoded(record: bytes | None) -> SlackThread | None:
    if record is None:
        return None
    try:
        if record.startswith(b"{"):  # of the first release
            return msgspec.json.decode(record, type=SlackThread)
        return msgspec.msgpack.decode(record, type=SlackThread)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

"""The streams that were read, and their checkpoints: listed and reset by an operator.

A stream that is deleted and made again has the same name and ARN, and other records. A stream is
therefore known by its ARN and its creation time, and checkpoints of its predecessor are not used.
The checkpoints themselves are in ``router.journal.shards``.
"""

from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from router.journal import keys, stream_keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys
from router.journal.shards import ShardId, StreamDigest

_PAGE: Final = 100
_ENDED: Final = b"ended"
_NOT_SHARDS: Final = frozenset({b"start", b"created"})


class StreamIdentity(msgspec.Struct, frozen=True):
    """One stream: another one has another ARN, or was created at another time."""

    arn: str
    """The Amazon Resource Name; it ends with the stream's name."""
    created_ms: int = 0
    """Unix ms of its creation; 0 if it is unknown."""

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.arn.rsplit("/", 1)[-1]


class StreamRecordForm(msgspec.Struct, frozen=True):
    """A stream as stored."""

    arn: str
    created_ms: int = 0
    opened_ms: int = 0
    """Unix ms at which a consumer opened it last."""


class ShardPosition(msgspec.Struct, frozen=True):
    """How far a shard was read, and by which consumer it is read now."""

    shard: str
    after: str
    """The sequence number of the last record in the journal; ``""`` for an ended shard."""
    ended: bool
    consumer: str
    """The consumer that has the lease; ``""`` for none."""


class KnownStream(msgspec.Struct, frozen=True):
    """A stream that was read."""

    digest: StreamDigest
    identity: StreamIdentity
    opened_ms: int


class KnownStreams:
    """The streams that were read. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def note(self, identity: StreamIdentity, *, now_ms: int) -> StreamDigest:
        """Record that a consumer opens a stream; return the digest of its keys. Idempotent."""
        by_arn = _digest(identity.arn)
        record = StreamRecordForm(identity.arn, identity.created_ms, now_ms)
        call = _OPEN(
            _OpenKeys(keys.STREAMS, stream_keys.stream_checkpoints(by_arn)),
            _OpenArguments(
                created=str(identity.created_ms),
                arn_digest=by_arn,
                own_digest=_digest(f"{identity.arn} {identity.created_ms}"),
                record=msgspec.json.encode(record).decode(),
            ),
        )
        digest: bytes = await self._connection.run(call)
        return StreamDigest(digest.decode())

    async def known(self, name: str = "") -> list[KnownStream]:
        """Return the streams with a name or an ARN, all for ``""``; the one opened last first."""
        found = []
        async for digest, text in self._scan(keys.STREAMS):
            try:
                record = msgspec.json.decode(text, type=StreamRecordForm)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # such a field is not the router's
            identity = StreamIdentity(record.arn, record.created_ms)
            if name in {"", identity.name, identity.arn}:
                found.append(KnownStream(StreamDigest(digest.decode()), identity, record.opened_ms))
        return sorted(found, key=lambda each: (-each.opened_ms, each.digest))

    async def consumers(self, stream: KnownStream) -> int:
        """Return the number of consumers whose lease is in force."""
        redis = self._connection.redis
        seconds, _ = await self._connection.ask(redis.time())
        key = stream_keys.stream_consumers(stream.digest)
        return int(await self._connection.ask(redis.zcount(key, seconds * 1000, "+inf")))

    async def positions(self, stream: KnownStream) -> list[ShardPosition]:
        """Return how far the shards of a stream were read, by their names."""
        found = []
        key = stream_keys.stream_checkpoints(stream.digest)
        async for shard, position in self._scan(key):
            if shard in _NOT_SHARDS:
                continue
            name = shard.decode(errors="replace")
            lease = stream_keys.shard_lease(stream.digest, name)
            holder = await self._connection.ask(self._connection.redis.get(lease))
            ended = position == _ENDED
            after = "" if ended else position.decode(errors="replace")
            found.append(ShardPosition(name, after, ended, (holder or b"").decode()))
        return sorted(found, key=lambda each: each.shard)

    async def reset(self, stream: KnownStream, shards: Sequence[ShardId] = ()) -> int:
        """Delete checkpoints, those of all shards unless some are given; return how many.

        A consumer that reads such a shard begins again, within a third of its lease.
        """
        names = list(shards) or [ShardId(each.shard) for each in await self.positions(stream)]
        deleted = 0
        checkpoints = stream_keys.stream_checkpoints(stream.digest)
        for start in range(0, len(names), _PAGE):
            page = names[start : start + _PAGE]
            leases = [stream_keys.shard_lease(stream.digest, shard) for shard in page]
            call = _RESET(_ResetKeys(checkpoints), _ResetArguments(page, leases))
            deleted += int(await self._connection.run(call))
        return deleted

    async def forget(self, stream: KnownStream) -> None:
        """Delete a stream that has a successor, after its checkpoints were reset."""
        redis = self._connection.redis
        await self._connection.ask(redis.hdel(keys.STREAMS, stream.digest))

    async def _scan(self, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
        """Yield the fields of a hash, each once, in pages."""
        cursor, seen = 0, set()
        while True:
            reply = self._connection.redis.hscan(key, cursor, count=_PAGE)
            cursor, fields = await self._connection.ask(reply)
            for name, value in fields.items():
                if name not in seen:
                    seen.add(name)
                    yield name, value
            if not cursor:
                return


def _digest(text: str) -> StreamDigest:
    return StreamDigest(blake2b(text.encode(), digest_size=8).hexdigest())


class _OpenKeys(ScriptKeys, frozen=True):
    streams: str
    checkpoints: str


class _OpenArguments(PackedArguments, frozen=True):
    created: str
    arn_digest: StreamDigest
    own_digest: StreamDigest
    record: str


class _ResetKeys(ScriptKeys, frozen=True):
    checkpoints: str


class _ResetArguments(PackedArguments, frozen=True):
    shards: list[ShardId]
    leases: list[str]


_OPEN: Final = Script("stream_open", _OpenKeys, _OpenArguments)
_RESET: Final = Script("shard_reset", _ResetKeys, _ResetArguments)

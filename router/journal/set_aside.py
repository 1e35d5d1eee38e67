"""Moves work that no worker can read to quarantine, so that other work is not blocked by it.

A batch consists of commits, one for each write of ingress. A commit that cannot be decoded as a whole
is decoded event by event. A key that has another type than it should have is moved as Redis dumps it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import NewerRecordError, RecordError
from router.events.model import Event
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.finish import Quarantined
from router.journal.keys import BatchId, SetId
from router.journal.lanes import release_stalled
from router.journal.script import IdAndRecord, PackedArguments, Script, ScriptKeys, binary
from router.journal.set_moves import SetToQuarantineKeys
from router.journal.unreadable import report

_DUMP_LIMIT: Final = 1 << 20
"""Bytes of a key that quarantine stores."""
_encode = msgspec.msgpack.encode
_split = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class ReadCommit(msgspec.Struct, frozen=True):
    """A commit, read event by event."""

    events: list[Event]
    unreadable: list[tuple[bytes, str]]
    """The records that are no events, and why."""
    are_events: list[bool] = []
    """Whether each of its records is an event, in their order."""


def read_commit(commit: bytes, read: Callable[[bytes], list[Event]]) -> ReadCommit:
    """Read the events of a commit one by one.

    Args:
        commit: The commit.
        read: Decodes a commit. Raises NewerRecordError or RecordError.

    Raises:
        NewerRecordError: A newer router wrote one of the events.
    """
    try:
        records = [bytes(each) for each in _split(commit)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        count = _claimed_of(commit)
        return ReadCommit([], [(commit, f"not a commit of events: {error}")], [False] * count)
    events: list[Event] = []
    unreadable: list[tuple[bytes, str]] = []
    are_events: list[bool] = []
    for record in records:
        try:
            events += read(b"\x91" + record)  # an array of one event
            are_events.append(True)
        except NewerRecordError:
            raise
        except RecordError as error:
            unreadable.append((record, str(error)))
            are_events.append(False)
    return ReadCommit(events, unreadable, are_events)


def _claimed_of(commit: bytes) -> int:
    """Return the events that ``begin_batch.lua`` has claimed of a commit that is no list."""
    kind = commit[0] if commit else 0
    if 0x90 <= kind <= 0x9F:
        return kind - 0x90
    width = {0xDC: 2, 0xDD: 4}.get(kind, 0)
    return int.from_bytes(commit[1 : 1 + width], "big") if len(commit) > width else 0


class ClaimResults:
    """The results of a batch's claims, while commits of it are replaced.

    Args:
        commits: The commits of the batch in their order, and what was read of each.
        mine: A byte for each event; empty if they are not claimed.
    """

    def __init__(self, commits: Iterable[tuple[bytes, ReadCommit]], mine: bytes) -> None:
        self._commits: list[tuple[bytes, bytes]] = []
        position = 0
        for commit, found in commits:
            self._commits.append((commit, mine[position : position + len(found.are_events)]))
            position += len(found.are_events)
        self._is_known = position == len(mine)

    def without(self, commit: bytes, found: ReadCommit) -> bytes:
        """Return the results after ``SetAside.events`` of a commit; empty if they are not known."""
        if not self._is_known:
            return b""
        index = next(at for at, each in enumerate(self._commits) if each[0] == commit)
        _, results = self._commits.pop(index)
        if found.events:
            kept = zip(results, found.are_events, strict=True)
            self._commits.append((b"", bytes(each for each, is_event in kept if is_event)))
        return b"".join(each for _, each in self._commits)


class SetAside:
    """Moves unreadable work to quarantine. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def events(
        self,
        batch_id: BatchId,
        commit: bytes,
        found: ReadCommit,
        *,
        count: int,
        claims: bytes = b"",
    ) -> None:
        """Replace a commit of a batch by its readable events. Idempotent.

        ``count`` is how many of the accepted events the others are. ``claims`` are the results of the
        claims of what remains of the batch; empty if it is not claimed.
        """
        now = self._now()
        items = [
            self._item(
                Quarantined(reason=reason, body=record, received_at=now, claimed_by=batch_id)
            )
            for record, reason in found.unreadable
        ]
        for _, reason in found.unreadable:
            report("event", batch_id, reason)
        await self._connection.run(
            _SET_ASIDE_EVENTS(
                _SetAsideEventsKeys(
                    batch=keys.batch(batch_id),
                    open_batches=keys.BATCHES,
                    digests=keys.digests(batch_id),
                    identities=keys.identities(batch_id),
                    quarantine=keys.QUARANTINE,
                    quarantine_index=keys.QUARANTINE_INDEX,
                    ledger=keys.LEDGER,
                ),
                _SetAsideEventsArguments(
                    batch_id=batch_id,
                    set_ms=self._set_ms(),
                    commit=binary(commit),
                    readable=binary(_encode(found.events) if found.events else b""),
                    events=count,
                    claims=binary(claims),
                    items=items,
                ),
            )
        )

    async def delivery_set(self, set_id: SetId, destination: str) -> bool:
        """Move a delivery set that is not a hash to quarantine; return False if it is one."""
        item = await self.dumped(keys.delivery_set(set_id), "hash")
        if item is None:
            return False
        await self._connection.run(
            _SET_ASIDE_SET(
                SetToQuarantineKeys(*keys.set_keys(set_id, destination)),
                _SetAsideSetArguments(
                    set_id=set_id,
                    set_ms=self._set_ms(),
                    id=self._new_id(),
                    record=binary(_encode(item)),
                    ledger_field=ledger.undecodable(destination),
                ),
            )
        )
        await release_stalled(self._connection, destination, self._clock)
        return True

    async def dumped(self, key: str, expected: str) -> Quarantined | None:
        """Return a key of another type as an item of the quarantine; None if it has this type.

        Its body is what Redis's command DUMP returns, without the end if it is long.
        """
        redis = self._connection.redis
        kind = (await self._connection.ask(redis.type(key))).decode()
        if kind in {expected, "none"}:
            return None
        reason = f"the key {key} is a {kind}, expected a {expected}"
        body: bytes = await self._connection.ask(redis.dump(key)) or b""
        report("key", key, reason)
        return Quarantined(reason=reason, body=body[:_DUMP_LIMIT], received_at=self._now())

    def _item(self, item: Quarantined) -> IdAndRecord:
        return IdAndRecord(self._new_id(), binary(_encode(item)))


class _SetAsideEventsKeys(ScriptKeys, frozen=True):
    batch: str
    open_batches: str
    digests: str
    identities: str
    quarantine: str
    quarantine_index: str
    ledger: str


class _SetAsideEventsArguments(PackedArguments, frozen=True):
    batch_id: BatchId
    set_ms: int
    commit: msgspec.Raw
    readable: msgspec.Raw
    """A commit of the events that can be read; empty if there is none."""
    events: int
    """How many of the accepted events cannot be read."""
    claims: msgspec.Raw
    """The results of the claims of the rest of the batch; empty if it is not claimed."""
    items: Sequence[IdAndRecord]


class _SetAsideSetArguments(PackedArguments, frozen=True):
    set_id: SetId
    set_ms: int
    id: str
    record: msgspec.Raw
    ledger_field: str


_SET_ASIDE_EVENTS: Final = Script("set_aside_events", _SetAsideEventsKeys, _SetAsideEventsArguments)
_SET_ASIDE_SET: Final = Script("set_aside_set", SetToQuarantineKeys, _SetAsideSetArguments)

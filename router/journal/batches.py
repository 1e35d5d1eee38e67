"""The life of a batch: accepted by ingress, begun by a worker, finished once.

A crash between the commands loses nothing:

- Before ``accept`` is acknowledged the sender has no 2xx and sends again. If the transaction did
  run, the second copy is a duplicate when it is claimed.
- After ``accept`` the batch stays open until ``finish``. arq runs its job, or the sweeper enqueues
  one. Until its job begins, further commits are added to the batch.
- After ``begin`` nothing is added, and its events are claimed. A rerun finds the same events and
  its own claims.
- ``finish`` opens the deliveries, closes the batch and ends its job in one transaction.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from router.clock import Clock
from router.errors import JournalUnavailableError, NewerRecordError, RecordError
from router.events.model import Event, Malformed, Received
from router.journal import jobs, keys
from router.journal.claims import begin_batch
from router.journal.confirmation import NO_CONFIRMATION, Confirmation
from router.journal.connection import Connection, unavailable
from router.journal.delivery_sets import SET_SIZE
from router.journal.finish import Finish, FinishedWork, Quarantined, Rest, batch_work
from router.journal.history_log import NO_HISTORY, HistoryEntry
from router.journal.job_queue import LOST, lease_lost
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.records import RecordReader, version_of_array
from router.journal.rule_state import RuleState, WorkInRedis
from router.journal.script import (
    IdAndRecord,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
    binary,
    pack,
)
from router.journal.set_aside import ClaimResults, SetAside, read_commit
from router.journal.store_watch import AcceptedCount
from router.rules.state.alert_limits import ALERT_LIMITS, AlertLimits

__all__ = ["BATCH_SIZE", "EVENT_SIZE", "SET_SIZE", "Batches", "FinishedWork", "Quarantined"]

BATCH_SIZE: Final = 1000
"""The largest weight of a batch, and so of an arq job."""
EVENT_SIZE: Final = 4096
"""Bytes of events that weigh 1, so that a limit on weight also limits memory. An event weighs at
least 1."""

_DIGESTS_SECONDS: Final = 86_400
"""How long the digests of a batch's events are stored. They are computed again without them."""
_CLAIMED: Final = ord("1")
_encode = msgspec.msgpack.encode
_reader = RecordReader(
    "event",
    msgspec.msgpack.Decoder(list[Event]).decode,
    version=lambda events: max(map(version_of_array, events)),
)


class ClaimedBatch(msgspec.Struct, frozen=True):
    """The events of a batch."""

    events: list[Event]
    claims: list[bool]
    """Whether this batch may evaluate the event, for each of them."""
    payloads: list[bytes] = []
    """The events as they are stored, a list for each commit."""
    part: int = 0
    """The parts of the batch that are finished; ``events`` are the others."""


class Batches:
    """Accepts, begins and finishes batches.

    Args:
        connection: The Redis that contains them.
        clock: Time and ids.
        accepted: Is told of each commit.
        confirmation: The replicas and disks that must have a commit before it is acknowledged.
        alert_limits: Keyed alerts at a time.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        accepted: AcceptedCount | None = None,
        confirmation: Confirmation = NO_CONFIRMATION,
        alert_limits: AlertLimits = ALERT_LIMITS,
    ) -> None:
        self._connection = connection
        self._accepted = AcceptedCount() if accepted is None else accepted
        self._confirmation = confirmation
        self._confirm = confirmation.commands
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms
        self._state = RuleState(connection, alert_limits)
        self._finish = Finish(connection, clock)
        self._set_aside = SetAside(connection, clock)

    async def accept(self, group: Sequence[Received], *, max_weight: int = BATCH_SIZE) -> None:
        """Make the events of several requests durable, in the filling batch or a new one.

        ``max_weight`` is the largest weight of a batch to which they are added.

        Raises:
            JournalUnavailableError: They may or may not be durable.
        """
        batch_id = BatchId(self._new_id())
        events = [event for received in group for event in received.events]
        payload = _encode(events)
        now_ms = int(self._now() * 1000)
        malformed = [
            IdAndRecord(self._new_id(), binary(_encode(_quarantined(item))))
            for received in group
            for item in received.malformed
        ]
        call = _ACCEPT(
            _AcceptKeys(
                batch=keys.batch(batch_id),
                open_batches=keys.BATCHES,
                queue=keys.EVALUATE_QUEUE,
                job=keys.job(batch_id),
                filling=keys.filling(keys.EVALUATE_QUEUE),
                digests_key=keys.digests(batch_id),
                quarantine=keys.QUARANTINE,
                quarantine_index=keys.QUARANTINE_INDEX,
                ledger=keys.LEDGER,
            ),
            _AcceptArguments(
                batch_id=batch_id,
                set_ms=self._set_ms(),
                wake_channel=keys.wake_channel(keys.EVALUATE_QUEUE),
                job_record=jobs.payload(jobs.EVALUATE, now_ms),
                payload=payload,
                events=len(events),
                weight=max(len(events), len(payload) // EVENT_SIZE),
                max_weight=max_weight,
                batch_prefix=keys.batch(BatchId("")),
                digests_prefix=keys.digests(""),
                digests=_digests(events),
                digests_seconds=_DIGESTS_SECONDS,
                malformed=pack(malformed) if malformed else b"",
            ),
        )
        known = self._accepted.highest
        try:
            after = await (
                self._run_confirmed(call) if self._confirm else self._connection.run(call)
            )
        except JournalUnavailableError:
            self._accepted.fail()
            raise
        if events:
            self._accepted.commit(known, int(after), len(events))

    async def _run_confirmed(self, call: ScriptCall) -> Any:
        """Run a script; return its reply once replicas or disks have what it wrote."""
        reply, confirmed = await self._connection.exchange(call, self._confirm)
        if isinstance(reply, RedisError):
            raise unavailable(reply)
        if isinstance(confirmed, RedisError):
            await self._connection.notice(confirmed)
        shortfall = self._confirmation.shortfall(confirmed)
        if shortfall:
            raise JournalUnavailableError(shortfall)
        return reply

    async def begin(
        self, batch_id: BatchId, token: LeaseToken = NO_TOKEN, *, claim_seconds: int
    ) -> ClaimedBatch | None:
        """Seal a batch, read its events and claim them.

        An event that cannot be read is moved to quarantine, so that it does not stop the others.
        Idempotent. ``token`` is that of the lease of the batch's job; ``claim_seconds`` is how long
        the claims last.

        Returns:
            None if the batch is finished; its job has then ended.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
            LeaseLostError: The lease has expired, or another worker has it.
            NewerRecordError: A newer router accepted some of the events.
            WrongTypeError: A key of the batch has another type.
        """
        payloads, mine, part, known = await self._begin(batch_id, token, claim_seconds)
        events = await self._read(batch_id, payloads, mine, known)
        if events is None:
            return await self.begin(batch_id, token, claim_seconds=claim_seconds)
        if not events:
            return None
        if len(mine) != len(events):  # the batch of a replay, or partly of an older router
            digests = _digests(events)
            payloads, mine, part, _ = await self._begin(batch_id, token, claim_seconds, digests)
            if not payloads:
                return None
        return ClaimedBatch(events, [each == _CLAIMED for each in mine], payloads, part)

    async def _begin(
        self, batch_id: BatchId, token: LeaseToken, claim_seconds: int, digests: bytes = b""
    ) -> tuple[list[bytes], bytes, int, int]:
        """Return the payloads, a byte for each event, the parts that are finished, the digests.

        There are no such bytes if ``digests`` have to be given.
        """
        reply = await self._connection.run(
            begin_batch(
                batch_id,
                token,
                set_ms=self._set_ms(),
                window_ms=1000 * claim_seconds,
                digests=digests,
            )
        )
        if reply == LOST:
            raise lease_lost(batch_id)
        payloads, mine, part, known = reply
        return payloads, mine, int(part), known

    async def _read(
        self, batch_id: BatchId, payloads: Sequence[bytes], mine: bytes, known: int
    ) -> list[Event] | None:
        """Return the events of a batch; None if it must be read again.

        The events that could not be read are in quarantine then. ``mine`` are the results of the
        claims of all events; empty if they are not claimed. ``known`` is
        the number of events whose digests are stored.
        """
        try:
            return [event for payload in payloads for event in _reader.read(payload)]
        except NewerRecordError:
            raise
        except RecordError:
            commits = [read_commit(payload, _reader.read) for payload in payloads]
        results = ClaimResults(zip(payloads, commits, strict=True), mine)
        read = sum(len(commit.events) + len(commit.unreadable) for commit in commits)
        # A commit that is no list counts for as many events as are missing.
        missing = max(0, known - read)
        for payload, commit in zip(payloads, commits, strict=True):
            if commit.unreadable:
                count = len(commit.unreadable) + missing
                rest = results.without(payload, commit)
                await self._set_aside.events(batch_id, payload, commit, count=count, claims=rest)
                missing = 0
        return None

    async def unreadable(self, batch_id: BatchId) -> Quarantined | None:
        """Return the batch as an item of the quarantine if its key is no list; else None.

        Raises JournalUnavailableError.
        """
        return await self._set_aside.dumped(keys.batch(batch_id), "list")

    def store(self, batch_id: BatchId) -> WorkInRedis:
        """Return the store on which the rules that match the batch's events are decided."""
        return self._state.open(batch_work(batch_id), int(self._now() * 1000))

    async def finish(
        self,
        batch_id: BatchId,
        verdict: FinishedWork,
        token: LeaseToken = NO_TOKEN,
        *,
        part: int = 0,
        rest: Rest | None = None,
        history: HistoryEntry = NO_HISTORY,
    ) -> bool:
        """Close the batch, or a part of it, and open its deliveries; see ``Finish``."""
        return await self._finish(
            batch_work(batch_id), verdict, token, part=part, rest=rest, history=history
        )


def _digests(events: Sequence[Event]) -> bytes:
    return b"".join([keys.event_digest(event.key) for event in events])


def _quarantined(item: Malformed) -> Quarantined:
    return Quarantined(
        reason=item.reason,
        body=item.body,
        received_at=item.received_at,
        path=item.path,
        request=item.request,
    )


class _AcceptKeys(ScriptKeys, frozen=True):
    batch: str
    open_batches: str
    queue: str
    job: str
    filling: str
    digests_key: str
    quarantine: str
    quarantine_index: str
    ledger: str


class _AcceptArguments(PlainArguments, frozen=True):
    batch_id: BatchId
    set_ms: int
    wake_channel: str
    job_record: bytes
    payload: bytes
    """The events, as a msgpack array."""
    events: int
    """How many they are."""
    weight: int
    max_weight: int
    batch_prefix: str
    digests_prefix: str
    digests: bytes
    """16 bytes for each event."""
    digests_seconds: int
    malformed: bytes
    """An ``IdAndRecord`` for each malformed item, packed; empty if there is none."""


_ACCEPT: Final = Script("accept", _AcceptKeys, _AcceptArguments)

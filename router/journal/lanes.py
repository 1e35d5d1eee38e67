"""Lanes: the deliveries of one alert key to one destination are sent in the order in which they arose.

A receiver that is told of an end and then of the beginning keeps an incident open that is over. So of
the deliveries with one key (``lane_of``) only one is in a set, the others wait. The transaction by which
it leaves its set for good (delivered, dead letter, quarantine) moves the next one into a set. A retry
keeps its place. Other keys are not delayed, and alerts without a key of their own have no lane.

- Deliveries have numbers, in the order in which they arose. A lane remembers the number that its
  receiver was told last (``told``). A delivery with a smaller number, a replayed dead letter for example,
  is *overtaken*: it is dropped and counted, because the receiver knows better.
- ``LANE_SIZE`` deliveries of a lane wait. Beyond it a later one of the same status replaces the one
  before it. If the status differs, the second one is dropped.
- The deliveries that wait behind one of a digest join its mail (``follow``), unless the rest of an
  earlier mail is still to be sent. If the destination ceases to send digests, they are parted.
- Of two deliveries of one id that wait, or are in one mail, the later one stays (an event that was
  accepted again after the dedup window).
- If a delivery in flight vanished from its set (an older router settled it, or it was quarantined without
  being read), the next delivery of that key, or the sweeper, releases the lane.

``scripts/lanes.lua`` has the transitions.
"""

import logging
from collections.abc import Collection
from typing import Final

import msgspec

from router.alerts import AlertKey, AlertStatus, Delivery
from router.clock import Clock
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys, binary

logger = logging.getLogger(__name__)

LANE_SIZE: Final = 20
"""The most deliveries of a lane that wait."""
NO_LANE: Final = ""
"""In place of a key: a delivery that waits for none."""
FORGOTTEN_AFTER: Final = 30 * 86_400
"""Seconds after which it is forgotten what a receiver was told. The oldest of 100,000 keys is forgotten
earlier."""

_PAGE: Final = 100


class LaneArguments(msgspec.Struct, frozen=True):
    """The names and records by which a script sends the next delivery of a lane."""

    destination: str
    set_id: str
    """The begin of the ids of the sets that are opened: an id that no other transaction uses."""
    open_sets: str
    queue: str
    job_prefix: str
    job_record: msgspec.Raw
    wake_channel: str
    superseded_field: str
    overtaken_field: str


class ToldMessage(msgspec.Struct, frozen=True):
    """The message that a receiver has got last of an alert key."""

    number: int
    """Greater than those of the messages of this key that arose before it."""
    status: AlertStatus
    count: int
    """The number of events of that alert."""
    at: float
    """Unix time in seconds at which the destination was known to have it."""


class Followers(msgspec.Struct, frozen=True):
    """The changes of a digest's set by ``follow``."""

    left: frozenset[bytes]
    """The ids of deliveries that have moved to a later digest, after an earlier one of their key, that wait
    for it, or that were replaced by one of the same id."""
    added: list[bytes]
    """Id, record, id, record, … of those that have joined it."""


class _LaneState(msgspec.Struct, frozen=True, array_like=True):
    """The begin of a lane's record. Elements are added at its end only."""

    latest: int
    latest_status: str
    told: int
    told_status: str
    told_count: int
    told_ms: int
    flight_set: str


_decode: Final = msgspec.msgpack.Decoder(_LaneState).decode


def lane_of(delivery: Delivery) -> AlertKey:
    """Return the key whose deliveries are sent in order; ``NO_LANE`` if the alert stands alone."""
    alert = delivery.alert
    return AlertKey(NO_LANE) if str(alert.key) == alert.id else alert.key


def lane_arguments(destination: str, clock: Clock, set_id: str = "") -> LaneArguments:
    """Return what a script needs to send the next deliveries of lanes.

    Args:
        destination: The destination of all its lanes.
        clock: The clock.
        set_id: An id that no other transaction uses; a new one by default.
    """
    queue = keys.deliver_queue(destination)
    return LaneArguments(
        destination=destination,
        set_id=set_id or clock.new_id(),
        open_sets=keys.open_sets(destination),
        queue=queue,
        job_prefix=keys.job(""),
        job_record=binary(jobs.payload(jobs.DELIVER, int(clock.now() * 1000))),
        wake_channel=keys.wake_channel(queue),
        superseded_field=ledger.superseded(destination),
        overtaken_field=ledger.overtaken(destination),
    )


def log_overtaken(destination: str, count: int) -> None:
    """Log that deliveries were dropped, because their receiver was told something later."""
    if count:
        logger.info(
            "deliveries dropped; their receiver was told something later",
            extra={"destination": destination, "count": count},
        )


async def told(connection: Connection, alert_key: str) -> dict[str, ToldMessage]:
    """Return what each destination was told last of an alert key.

    A destination is missing if it was told nothing, or if that was forgotten. Alerts that stand alone
    (``NO_LANE``) are not recorded.

    Raises:
        JournalUnavailableError: Redis did not answer in time.
    """
    stored = await connection.ask(connection.redis.hgetall(keys.lane(alert_key)))
    found = {}
    for name, record in stored.items():
        try:
            state = _decode(record)
            if state.told:
                found[name.decode()] = ToldMessage(
                    state.told,
                    AlertStatus(state.told_status),
                    state.told_count,
                    state.told_ms / 1000,
                )
        except (msgspec.MsgspecError, ValueError):
            continue  # the next message of the key replaces it
    return found


async def follow(
    connection: Connection,
    set_id: keys.SetId,
    destination: str,
    alert_keys: Collection[str],
    clock: Clock,
    *,
    room: int | None,
) -> Followers:
    """Bring the deliveries of lanes together, before a digest is sent, or part them.

    Args:
        connection: To Redis.
        set_id: The set of the digest.
        destination: Its destination.
        alert_keys: The keys of the deliveries in the set.
        clock: The clock.
        room: The most deliveries to add. None if the destination has ceased to send digests: then one of
            each lane stays.

    Raises:
        JournalUnavailableError: Redis did not answer in time. Calling it again is safe.
    """
    reply: tuple[int, list[bytes], list[bytes]] = await connection.run(
        _FOLLOW(
            _FollowKeys(*keys.set_keys(set_id, destination), keys.LEDGER),
            _FollowArguments(
                set_ms=clock.journal_ms(),
                set_id=set_id,
                alert_keys=list(alert_keys),
                room=room or 0,
                in_digest=room is not None,
                lanes=lane_arguments(destination, clock),
            ),
        )
    )
    overtaken, left, added = reply
    log_overtaken(destination, overtaken)
    return Followers(frozenset(left), added)


async def release_stalled(connection: Connection, destination: str, clock: Clock) -> int:
    """Send the next delivery of each lane in which none is in flight; return how many are sent.

    Raises:
        JournalUnavailableError: Redis did not answer in time. Calling it again is safe.
    """
    waiting = (keys.lanes(destination), keys.waiting_deliveries(destination))
    if not await connection.ask(connection.redis.exists(*waiting)):
        return 0
    released = offset = overtaken = 0
    while True:
        reply: list[int] = await connection.run(
            _RELEASE_LANES(
                _ReleaseLanesKeys(*waiting, keys.LEDGER),
                _ReleaseLanesArguments(
                    set_ms=clock.journal_ms(),
                    offset=offset,
                    count=_PAGE,
                    lanes=lane_arguments(destination, clock),
                ),
            )
        )
        checked, sent, dropped, remaining = reply
        released += sent
        overtaken += dropped
        offset += remaining
        if checked < _PAGE:
            log_overtaken(destination, overtaken)
            return released


async def forget_old(connection: Connection, clock: Clock) -> None:
    """Forget what receivers were told long ago. Raises JournalUnavailableError."""
    while True:
        found = await connection.run(
            _FORGET_LANES(
                _ForgetLanesKeys(keys.LANE_AGES),
                _ForgetLanesArguments(
                    set_ms=clock.journal_ms(), lasts_ms=FORGOTTEN_AFTER * 1000, count=_PAGE
                ),
            )
        )
        if found < _PAGE:
            return


class _FollowKeys(ScriptKeys, frozen=True):
    set: str
    open_sets: str
    queue: str
    job: str
    lease: str
    starts: str
    ledger: str


class _FollowArguments(PackedArguments, frozen=True):
    set_ms: int
    set_id: str
    alert_keys: list[str]
    room: int
    in_digest: bool
    lanes: LaneArguments


class _ReleaseLanesKeys(ScriptKeys, frozen=True):
    waiting_lanes: str
    waiting: str
    ledger: str


class _ReleaseLanesArguments(PackedArguments, frozen=True):
    set_ms: int
    offset: int
    count: int
    lanes: LaneArguments


class _ForgetLanesKeys(ScriptKeys, frozen=True):
    ages: str


class _ForgetLanesArguments(PackedArguments, frozen=True):
    set_ms: int
    lasts_ms: int
    count: int


_FOLLOW: Final = Script("follow", _FollowKeys, _FollowArguments)
_RELEASE_LANES: Final = Script("release_lanes", _ReleaseLanesKeys, _ReleaseLanesArguments)
_FORGET_LANES: Final = Script("forget_lanes", _ForgetLanesKeys, _ForgetLanesArguments)

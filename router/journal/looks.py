"""Looks: the keyed alerts that must be judged again, and the timers that judge pages of them.

A look is a member of a sorted set, not a timer of its own, because each keyed alert has one. A page of due
looks becomes a timer in one transaction, so that no look is lost, and none is judged twice at a time. A look
that is lost nevertheless (``ZREM`` by hand) is set again by the alert's next event.
"""

from typing import Final, NamedTuple

import msgspec

from router.clock import Clock
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.rules.state.keyed_alert import KEPT_EXPIRED_MS
from router.rules.state.look import PAGE


class OpenedLooks(NamedTuple):
    """A page of looks."""

    judged: int
    """The alerts that a timer judges now."""
    has_more: bool
    """True if more are due."""


class Looks:
    """Opens looks. All methods raise JournalUnavailableError; calling them again is safe."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def open_due(self) -> OpenedLooks:
        """Open a timer for the next alerts that must be judged, if there are any."""
        now_ms = int(self._clock.now() * 1000)
        count, more = await self._connection.run(
            _OPEN_LOOKS(
                _OpenLooksKeys(
                    keys.LOOKS,
                    keys.KEYED_ALERTS,
                    keys.ALERT_COUNTS,
                    keys.SWEEP,
                    keys.TIMERS,
                    keys.TIMER_QUEUE,
                ),
                _OpenLooksArguments(
                    set_ms=self._clock.journal_ms(),
                    id=self._clock.new_id(),
                    count=PAGE,
                    kept_expired_ms=KEPT_EXPIRED_MS,
                    ended_prefix=keys.ENDED_ALERTS,
                    alert_prefix=keys.keyed_alert(""),
                    timer_prefix=keys.timer(keys.TimerId("")),
                    job_prefix=keys.job(""),
                    job_record=binary(jobs.payload(jobs.TIMER, now_ms)),
                    wake_channel=keys.wake_channel(keys.TIMER_QUEUE),
                ),
            )
        )
        return OpenedLooks(count, bool(more))

    async def due(self) -> int:
        """Return how many timers are open and due: pages that no worker has judged yet, and others."""
        now_ms = int(self._clock.now() * 1000)
        found: int = await self._connection.ask(
            self._connection.redis.zcount(keys.TIMERS, "-inf", now_ms)
        )
        return found

    async def look_at_all(self) -> None:
        """Have all keyed alerts that are open judged again, page by page."""
        await self._connection.ask(self._connection.redis.set(keys.SWEEP, "0"))


class _OpenLooksKeys(ScriptKeys, frozen=True):
    looks: str
    alerts: str
    alert_counts: str
    sweep: str
    timers: str
    timer_queue: str


class _OpenLooksArguments(PackedArguments, frozen=True):
    set_ms: int
    id: str
    """The id of the timer."""
    count: int
    kept_expired_ms: int
    ended_prefix: str
    alert_prefix: str
    timer_prefix: str
    job_prefix: str
    job_record: msgspec.Raw
    wake_channel: str


_OPEN_LOOKS: Final = Script("open_looks", _OpenLooksKeys, _OpenLooksArguments)

"""The figures of the frame of each page: the state of the router, and how much awaits a decision.

All pages and all open consoles of a process share one look at Redis in a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from router.clock import Clock
from router.console.overall_state import OverallState, Situation, judge
from router.console.page_links import HOME
from router.errors import JournalUnavailableError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.ledger import Ledger
from router.journal.pauses import Pause, PauseKind, Pauses

_FRESH_SECONDS: Final = 1.0
_REDIS_SECONDS: Final = 2.0
"""How long a page waits for its frame; it is shown without counts then."""


class LinkCount(msgspec.Struct, frozen=True):
    """A number beside a link of the navigation."""

    amount: int
    kind: str = ""
    """warning, or ``""`` for a number that asks for nothing."""


class FrameFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the router."""

    state: OverallState
    situation: Situation
    counts: dict[str, LinkCount] = {}
    """By the path of a page."""
    ledger: Ledger = Ledger()
    pauses: dict[str, Pause] = {}


class FrameReader:
    """Reads the figures of the frame.

    Args:
        connection: To Redis.
        clock: Time.
        refusal: Returns why this process refuses events; None if it accepts them.
        rules_error: Returns why the last change of the rules was rejected; ``""`` if it was not.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        refusal: Callable[[], Awaitable[str | None]],
        rules_error: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._monotonic = clock.monotonic
        self._pauses = Pauses(connection)
        self._refusal = refusal
        self._rules_error = rules_error
        self._looking = asyncio.Lock()
        self._last: FrameFigures | None = None
        self._read_at = float("-inf")

    async def read(self) -> FrameFigures:
        """Return the figures, a second old at most. Does not raise: an outage is a state."""
        async with self._looking:
            if self._last is None or self._monotonic() - self._read_at > _FRESH_SECONDS:
                self._last = await self._look()
                self._read_at = self._monotonic()
            return self._last

    async def _look(self) -> FrameFigures:
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                return await self._ask()
        except (JournalUnavailableError, TimeoutError) as error:
            reason = str(error) or "Redis did not answer in time"
            situation = Situation(redis_error=reason)
            return FrameFigures(state=judge(situation), situation=situation)

    async def _ask(self) -> FrameFigures:
        counters = await ledger.read(self._connection)
        pauses = await self._pauses.all()
        quarantined = await self._connection.ask(
            self._connection.redis.zcard(keys.QUARANTINE_INDEX)
        )
        dead = sum(each.dead for each in counters.destinations.values())
        situation = Situation(
            refusal=await self._refusal() or "",
            rules_error=self._rules_error(),
            failing=_names(pauses, lambda kind: kind is not PauseKind.PAUSED),
            paused=_names(pauses, lambda kind: kind is PauseKind.PAUSED),
            dead_letters=dead,
            quarantined=quarantined,
            has_events=counters.accepted > 0,
        )
        return FrameFigures(
            state=judge(situation),
            situation=situation,
            counts={
                f"{HOME}/dead-letters": LinkCount(dead, "warning"),
                f"{HOME}/quarantine": LinkCount(quarantined, "warning"),
            },
            ledger=counters,
            pauses=pauses,
        )


def _names(pauses: dict[str, Pause], is_meant: Callable[[PauseKind], bool]) -> tuple[str, ...]:
    return tuple(sorted(name for name, pause in pauses.items() if is_meant(pause.kind)))

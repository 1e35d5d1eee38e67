"""The figures of the frame of each page: the state of the router, and how much awaits a decision.

All pages and all open consoles of a process share one read of Redis in a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.api.destination_views import DestinationHealthView, HealthState, read_destinations
from router.api.stats import DEAD_LETTERED
from router.clock import Clock
from router.console.concurrent_reads import concurrent_reads
from router.console.overall_state import RECENT_MINUTES, OverallState, Situation, judge
from router.console.page_links import HOME
from router.console.shared_read import SharedRead
from router.errors import JournalUnavailableError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.ledger import Ledger
from router.journal.pauses import PauseKind, Pauses
from router.journal.series import Resolution, Series

_REDIS_SECONDS: Final = 2.0
"""How long a page waits for its frame; it is shown without counts then."""


class LinkCount(msgspec.Struct, frozen=True):
    """A number beside a link of the navigation."""

    amount: int
    kind: str = ""
    """warning, or ``""`` for a number that asks for nothing."""


class FrameFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the router at one time."""

    state: OverallState
    situation: Situation
    counts: dict[str, LinkCount] = {}
    """By the path of a page."""
    ledger: Ledger = Ledger()
    destinations: tuple[DestinationHealthView, ...] = ()
    """By name."""


async def _no_refusal() -> None:
    """Return no refusal, because this process accepts no events."""


async def _no_sources() -> tuple[str, ...]:
    """Return no source, because this process refuses none."""
    return ()


class FrameReader:
    """Reads the figures of the frame. A process that serves no requests has the defaults.

    Args:
        connection: To Redis.
        clock: Time.
        configured: Returns the destinations of this process's rules.
        refusal: Returns why this process refuses events; None if it accepts them.
        rules_error: Returns why the last change of the rules was rejected; ``""`` if it was not.
        refusing: Returns the sources that refuse much.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        configured: Callable[[], Iterable[str]],
        refusal: Callable[[], Awaitable[str | None]] = _no_refusal,
        rules_error: Callable[[], str] = str,
        refusing: Callable[[], Awaitable[tuple[str, ...]]] = _no_sources,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._refusal = refusal
        self._rules_error = rules_error
        self._configured = configured
        self._refusing = refusing
        self._shared = SharedRead(self._read_now, clock.monotonic)

    async def read(self) -> FrameFigures:
        """Return the figures, a second old at most. Does not raise: an outage is a state."""
        return await self._shared()

    def forget(self) -> None:
        """Read again for the next page, because an operator has changed something."""
        self._shared.forget()

    async def _read_now(self) -> FrameFigures:
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                return await self._ask()
        except (JournalUnavailableError, TimeoutError) as error:
            reason = str(error) or "Redis did not answer in time"
            situation = Situation(redis_error=reason)
            return FrameFigures(state=judge(situation), situation=situation)

    async def _ask(self) -> FrameFigures:
        redis, series = self._connection.redis, Series(self._connection, self._clock)
        pipeline = redis.pipeline(transaction=False)
        pipeline.zcard(keys.QUARANTINE_INDEX)
        pipeline.zrange(keys.BATCHES, 0, 0, withscores=True)
        # One more minute, because the last one is still counted.
        minutes = series.read([DEAD_LETTERED], Resolution.MINUTE, RECENT_MINUTES + 1)
        async with concurrent_reads() as group:
            counters = group.create_task(ledger.read(self._connection))
            destinations = group.create_task(
                read_destinations(self._connection, self._clock, self._configured())
            )
            pauses = group.create_task(Pauses(self._connection).all())
            refusal = group.create_task(self._refused_because())
            dead = group.create_task(minutes)
            refusing = group.create_task(self._refused_much())
            rest = group.create_task(self._connection.ask(pipeline.execute()))
        quarantined, oldest = rest.result()
        situation = situation_of(
            counters.result(),
            destinations.result(),
            {name: pause.kind for name, pause in pauses.result().items()},
            refusal=refusal.result(),
            rules_error=self._rules_error(),
            unevaluated_seconds=max([0.0, *(self._clock.now() - at / 1000 for _, at in oldest)]),
            new_dead_letters=sum(dead.result()[DEAD_LETTERED]),
            quarantined=quarantined,
            refusing=refusing.result(),
        )
        return FrameFigures(
            state=judge(situation),
            situation=situation,
            counts={
                f"{HOME}/dead-letters": LinkCount(situation.dead_letters, "warning"),
                f"{HOME}/quarantine": LinkCount(quarantined, "warning"),
            },
            ledger=counters.result(),
            destinations=tuple(destinations.result()),
        )

    async def _refused_much(self) -> tuple[str, ...]:
        return await self._refusing()

    async def _refused_because(self) -> str:
        return await self._refusal() or ""


def situation_of(
    counters: Ledger,
    destinations: Sequence[DestinationHealthView],
    pauses: Mapping[str, PauseKind],
    *,
    unevaluated_seconds: float = 0.0,
    **more: Any,
) -> Situation:
    """Return the facts to judge (pure).

    Args:
        counters: The ledger.
        destinations: How each destination is.
        pauses: Why those that are paused are.
        unevaluated_seconds: Age of the oldest event that is not evaluated.
        more: Further fields of the result.
    """
    states = {each.name: _word(each, pauses) for each in destinations}
    ages = {each.name: each.oldest_age_seconds for each in destinations if each.pending}
    accepting = {name: age for name, age in ages.items() if states[name] is HealthState.OK}
    slowest = max(accepting, key=accepting.__getitem__, default="")
    due = [age for name, age in ages.items() if states[name] not in _HELD]
    return Situation(
        unevaluated=counters.pending,
        failing=_names(states, _FAILING),
        disabled=_names(states, frozenset({HealthState.DISABLED})),
        paused=_names(states, frozenset({HealthState.PAUSED})),
        unevaluated_seconds=unevaluated_seconds,
        slowest=slowest,
        slowest_seconds=accepting.get(slowest, 0.0),
        oldest_seconds=max([unevaluated_seconds, *due]),
        dead_letters=sum(each.dead for each in counters.destinations.values()),
        has_events=counters.accepted > 0,
        **more,
    )


_HELD: Final = frozenset({HealthState.PAUSED, HealthState.DISABLED})
_FAILING: Final = frozenset({HealthState.FAILING, HealthState.CIRCUIT_OPEN})


def _word(of: DestinationHealthView, pauses: Mapping[str, PauseKind]) -> HealthState:
    """Return the state; one that is paused because it refuses everything fails."""
    return HealthState.FAILING if pauses.get(of.name) is PauseKind.REFUSED else of.health


def _names(states: Mapping[str, HealthState], wanted: frozenset[HealthState]) -> tuple[str, ...]:
    return tuple(name for name, state in states.items() if state in wanted)

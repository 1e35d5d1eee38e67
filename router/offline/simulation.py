"""Rules simulated in memory: events and times go in, the alerts that would be sent come out.

The decisions are a worker's, on a ``MemoryStore`` instead of Redis. Timers fire in order when they
are due. Rule tests and backtests use it. Pure: all times are arguments.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import msgspec

from router.alerts import Alert, AlertKey
from router.cel import Verdict
from router.events.model import Event, document
from router.rules.index.rule_set import Judgement, RuleSet
from router.rules.model import Rule
from router.rules.state.decision import Decision
from router.rules.state.look import LookTimer
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import KEYS_LIMIT, Reason
from router.rules.state.timer import Timer
from router.rules.suppression.silences import Silence
from router.timestamps import CLOCK_TOLERANCE
from router.worker.evaluation.decide import (
    EvaluatedEvent,
    PossibleAlert,
    chains,
    decide,
    possible_alerts,
)
from router.worker.evaluation.decide_timer import decide_timer
from router.worker.evaluation.suppression_reason import Snapshot

T = TypeVar("T")


class SimulatedAlert(msgspec.Struct, frozen=True):
    """An alert that would be delivered."""

    at: float
    """Unix time in seconds."""
    alert: Alert
    send_to: tuple[str, ...]
    """Names of destinations."""


class SuppressedAlert(msgspec.Struct, frozen=True):
    """An alert that would be suppressed."""

    at: float
    """Unix time in seconds."""
    rule: str
    reason: Reason


class SimulationOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one event, or of the passing of time."""

    at: float
    """Unix time in seconds."""
    event: Event | None = None
    content: dict[str, Any] = {}
    """The event as Python values."""
    is_repeat: bool = False
    matches: tuple[Rule, ...] = ()
    sent: tuple[SimulatedAlert, ...] = ()
    suppressed: tuple[SuppressedAlert, ...] = ()
    standing: dict[str, str] = {}
    """The figures of rules that measure, by their names, if the simulation notes them."""
    failed: tuple[Rule, ...] = ()
    """Rules whose condition is an error for the event. A worker does not see all of them, because
    it evaluates only rules that may match."""


class PendingTimer(msgspec.Struct, frozen=True):
    """A timer that is set, and what it will do if no further event comes."""

    due_at: float
    """Unix time in seconds."""
    rule: str
    feature: str
    """The key of the rule that set it: ``absent``, ``group`` or ``escalate``."""
    alerts: int
    """Alerts that it sends, or suppresses if they are silenced or muted by then."""
    send_to: tuple[str, ...]


class Simulation:
    """One run of a rule set over events in the order of time, with a state of its own.

    Args:
        rules: The rules.
        silences: Active from the beginning, as far as their times say.
        now: Unix time in seconds at which the rules are loaded. It never goes back. 0 for the time of
            the first event.
        notes_standing: Whether outcomes say what rules have measured.
        clock_tolerance: Seconds by which the clocks of senders may differ.
        keys_limit: Keys of one state at a time.
    """

    def __init__(
        self,
        rules: RuleSet,
        silences: Sequence[Silence] = (),
        *,
        now: float = 0.0,
        notes_standing: bool = False,
        clock_tolerance: float = CLOCK_TOLERANCE,
        keys_limit: int = KEYS_LIMIT,
    ) -> None:
        self.now = now
        self.rules: Final = rules
        self._silences = list(silences)
        self._store = MemoryStore(keys_limit=keys_limit)
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self.overflowed: Final[Counter[str]] = Counter()
        """Events and alerts for which the state of a rule had no room, by the rule's name."""
        self._is_loaded = False
        self._seen: set[str] = set()
        self._tolerance_ms = round(clock_tolerance * 1000)
        self._notes_standing = notes_standing
        self._standing: dict[str, str] = {}

    def receive(self, event: Event, *, now: float) -> SimulationOutcome:
        """Receive an event. Timers that are due by then fire before; a repeat changes nothing.

        Raises:
            msgspec.DecodeError: As ``router.events.model.document`` does, for an event that cannot
                be decoded; and RecursionError and UnicodeDecodeError likewise.
        """
        content = document(event)
        sent, suppressed = self._fire_until(now)
        if event.key in self._seen:
            return SimulationOutcome(
                at=now,
                event=event,
                content=content,
                is_repeat=True,
                sent=sent,
                suppressed=suppressed,
            )
        self._seen.add(event.key)
        self._standing = {}
        judgement = self.rules.judge(event.type, content)
        more_sent, more_suppressed = self._apply(self._decide(event, content, judgement))
        matched = {rule.name for rule in judgement.matches}
        return SimulationOutcome(
            at=now,
            event=event,
            content=content,
            matches=tuple(rule for rule in self.rules.rules if rule.name in matched),
            sent=sent + more_sent,
            suppressed=suppressed + more_suppressed,
            standing=self._standing,
            failed=self._failed(event, content),
        )

    def pass_time(self, until: float) -> list[SimulationOutcome]:
        """Let time pass until then, inclusive; return what results from it, if anything does."""
        sent, suppressed = self._fire_until(until)
        if not sent and not suppressed:
            return []
        return [SimulationOutcome(at=until, sent=sent, suppressed=suppressed)]

    def acknowledge(self, key: AlertKey) -> None:
        """Acknowledge the alerts with this key."""
        self._store.acknowledge(key, self._now_ms)

    def silence(self, silence: Silence) -> None:
        """Add a silence."""
        self._silences.append(silence)

    def used_ratios(self) -> dict[str, float]:
        """Return the rules whose state was nearly full, and the largest share of it that was in use."""
        found = {
            rule.name: max(
                (
                    self._store.used_ratio(state)
                    for each in rule.features.all
                    for state in each.states
                ),
                default=0.0,
            )
            for rule in self.rules.rules
            if rule.features.remembers
        }
        return {name: ratio for name, ratio in found.items() if ratio}

    def end(self) -> tuple[PendingTimer, ...]:
        """Return the timers that are set and still needed, in order. Nothing can follow.

        Each timer fires, because only that shows whether it is needed: the expected event may have
        arrived, a group may be empty. Its consequences are left out.
        """
        pending: list[PendingTimer] = []
        while self._timers:
            due_at, number, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due_at)
            decision = self._fire(number, timer)
            suppressed = len(decision.suppressed_alerts)
            if decision.alerts or suppressed or decision.notifications:
                # A group: the alerts that it sends. An absence: the alert that it raises.
                alerts = max(1, decision.alerts, decision.notified + suppressed)
                names = dict.fromkeys(
                    name for each in decision.notifications for name in each.send_to
                )
                pending.append(
                    PendingTimer(due_at, timer.rule, timer.feature, alerts, tuple(names))
                )
        return tuple(pending)

    @property
    def _now_ms(self) -> int:
        return int(self.now * 1000)

    @property
    def _snapshot(self) -> Snapshot:
        return Snapshot(self.now, self._silences, self.rules.firing_only, self._tolerance_ms)

    def _fire_until(
        self, until: float
    ) -> tuple[tuple[SimulatedAlert, ...], tuple[SuppressedAlert, ...]]:
        self._load(self.now or until)
        sent: list[SimulatedAlert] = []
        suppressed: list[SuppressedAlert] = []
        while (due := self._take_due(until)) is not None:
            due_at, number, timer = due
            self.now = max(self.now, due_at)
            more_sent, more_suppressed = self._apply(self._fire(number, timer))
            sent += more_sent
            suppressed += more_suppressed
        self.now = max(self.now, until)
        return tuple(sent), tuple(suppressed)

    def _load(self, now: float) -> None:
        """Set the timers that are due when the rules are loaded."""
        if self._is_loaded:
            return
        self._is_loaded = True
        for rule in self.rules.rules:
            for feature in rule.features.all:
                timer = feature.loading(rule.name, now)
                if timer is not None:
                    heapq.heappush(self._timers, (now, next(self._numbers), timer))

    def _take_due(self, until: float) -> tuple[float, int, Timer] | None:
        """Take the timer or look that is due next, by then at the latest; None if nothing is."""
        timer_at = self._timers[0][0] if self._timers else math.inf
        look_ms = self._store.next_look()
        look_at = look_ms / 1000 if look_ms is not None else math.inf
        if min(timer_at, look_at) > until:
            return None
        if timer_at <= look_at:
            return heapq.heappop(self._timers)
        keys = self._store.due_looks(int(look_at * 1000))
        timer = LookTimer(due_at=look_at, rule="", state="", key="", alerts_to_judge=keys)
        return look_at, next(self._numbers), timer

    def _decide(self, event: Event, content: dict[str, Any], judgement: Judgement) -> Decision:
        snapshot, work = self._snapshot, f"event {event.key}"
        possible = possible_alerts(event, content, judgement, snapshot)
        evaluated = [EvaluatedEvent(event, possible)]
        asked = chains(evaluated)
        results = _run(self._store.open(work, self._now_ms).decide(asked))
        self._store.forget(work)
        if self._notes_standing:
            self._standing = self._measured(possible)
        by_id = {chain.id: result for chain, result in zip(asked, results, strict=True)}
        return decide(evaluated, by_id, snapshot)

    def _measured(self, possible: Sequence[PossibleAlert]) -> dict[str, str]:
        return {
            each.rule.name: found.text
            for each in possible
            if each.chain is not None
            for step in each.chain.steps
            if (found := self._store.standing(step)) is not None
        }

    def _fire(self, number: int, timer: Timer) -> Decision:
        work = f"timer {number}"
        store = self._store.open(work, self._now_ms)
        decision = _run(decide_timer(timer, self.rules.by_name, self._snapshot, store))
        self._store.forget(work)
        return decision

    def _apply(
        self, decision: Decision
    ) -> tuple[tuple[SimulatedAlert, ...], tuple[SuppressedAlert, ...]]:
        """Set the timers of a decision; return its alerts."""
        self.overflowed.update(decision.overflowed)
        for timer in decision.timers:
            heapq.heappush(self._timers, (timer.due_at, next(self._numbers), timer))
        return (
            tuple(
                SimulatedAlert(self.now, each.alert, each.send_to)
                for each in decision.notifications
            ),
            tuple(
                SuppressedAlert(self.now, rule, reason)
                for rule, reason in decision.suppressed_alerts
            ),
        )

    def _failed(self, event: Event, content: dict[str, Any]) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self.rules.candidates(event.type)
            if rule.condition is not None and rule.condition.verdict(content) is Verdict.ERROR
        )


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, because it uses the store in memory only."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a simulation waited for something")

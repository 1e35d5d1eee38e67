"""Rules tried out in memory: events and the passing of time go in, what would be told comes out.

The same decisions as a worker's, on a ``MemoryStore`` instead of Redis; timers fire in order when
the time comes. For rule tests and backtests. Pure: time is what it is told.
"""

import heapq
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from router.alerts import Alert
from router.events.model import Event, document
from router.journal.timers import Absence, Escalation, Flush, Timer
from router.rules.index.rule_set import RuleSet
from router.rules.state.memory_store import MemoryStore
from router.rules.state.steps import ChainResult, Reason, Taken
from router.rules.suppression.silences import Silence
from router.worker.evaluation.decide import Decision, Judged, chains, decide, prospects
from router.worker.evaluation.decide_timer import Ask, fire
from router.worker.evaluation.plan import Snapshot


class SimulatedDelivery(msgspec.Struct, frozen=True):
    """An alert that a destination would get. ``at`` is Unix time in seconds."""

    at: float
    destination: str
    alert: Alert


class HeldBack(msgspec.Struct, frozen=True):
    """An alert that would be held back."""

    at: float
    rule: str
    reason: Reason


class Happened(msgspec.Struct, frozen=True):
    """What came of events and time, in order."""

    sent: tuple[SimulatedDelivery, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    matched: tuple[str, ...] = ()
    """Rules whose own condition held, once for each event."""


class Waiting(msgspec.Struct, frozen=True):
    """A timer that is set, and what it will do if nothing more happens."""

    due_at: float
    """Unix time in seconds."""
    rule: str
    feature: str
    """The key of the rule that set it: ``absent``, ``group`` or ``escalate``."""
    alerts: int
    """Alerts that it tells, or holds back where they are silenced or muted by then."""
    send_to: tuple[str, ...]


_FEATURES: Final = {Absence: "absent", Flush: "group", Escalation: "escalate"}


class Simulation:
    """Rules with a memory of their own. ``now`` is Unix time in seconds and never goes back."""

    def __init__(
        self, rules: RuleSet, silences: Sequence[Silence] = (), *, now: float = 0.0
    ) -> None:
        self.now = now
        self._rules = rules
        self._silences = list(silences)
        self._store = MemoryStore()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._seen: set[str] = set()

    def happens(self, event: Event, at: float) -> Happened:
        """An event comes in. Timers that are due by then fire before; a repeat changes nothing.

        Raises what ``router.events.document`` does for an event that is none.
        """
        before = self.passes(at)
        if event.key in self._seen:
            return before
        self._seen.add(event.key)
        content = document(event)
        present = Snapshot(self.now, self._silences)
        judgement = self._rules.judge(event.type, content)
        judged = [Judged(event, prospects(event, content, judgement, present))]
        answers = self._ask(f"event {event.key}", judged)
        decision = decide(judged, answers, present)
        after = self._shown(decision)
        return Happened(
            before.sent + after.sent,
            before.held_back + after.held_back,
            before.matched + tuple(rule.name for rule in judgement.matches),
        )

    def passes(self, until: float) -> Happened:
        """Let time pass until then; timers fire when they are due."""
        found = Happened()
        while self._timers and self._timers[0][0] <= until:
            due, number, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            fired = self._shown(self._fire(f"timer {number}", timer))
            found = Happened(found.sent + fired.sent, found.held_back + fired.held_back)
        self.now = max(self.now, until)
        return found

    @property
    def next_timer(self) -> float | None:
        """When the next timer fires; None where nothing is waited for."""
        return self._timers[0][0] if self._timers else None

    def acknowledge(self, alert: Alert) -> None:
        """Somebody takes care of the alerts with this alert's key."""
        self._store.acknowledge(alert.key, self._now_ms)

    def silence(self, silence: Silence) -> None:
        """Somebody adds a silence."""
        self._silences.append(silence)

    def end(self) -> tuple[Waiting, ...]:
        """What is waited for still, in the order of time. Nothing can happen after that.

        Each timer that is set fires, for only that tells whether it is needed still: what was
        expected may have come, a group may be empty. What would follow from it is left out.
        """
        found: list[Waiting] = []
        while self._timers:
            due, number, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            decision = self._fire(f"timer {number}", timer)
            if decision.alerts or decision.held or decision.deliveries:
                # Of a group, those that it tells; of an absence, the one that there is now.
                alerts = max(1, decision.alerts, decision.told + len(decision.held))
                places = dict.fromkeys(each.destination for each in decision.deliveries)
                feature = _FEATURES[type(timer)]
                found.append(Waiting(due, timer.rule, feature, alerts, tuple(places)))
        return tuple(found)

    @property
    def _now_ms(self) -> int:
        return int(self.now * 1000)

    def _ask(self, work: str, judged: Iterable[Judged]) -> dict[str, ChainResult]:
        asked = chains(judged)
        answers = self._store.decide(work, asked, self._now_ms)
        self._store.forget(work)
        return {chain.id: answer for chain, answer in zip(asked, answers, strict=True)}

    def _fire(self, work: str, timer: Timer) -> Decision:
        firing = fire(timer, self._rules.by_name, Snapshot(self.now, self._silences))
        reply: ChainResult | Taken | None = None
        while True:
            try:
                request = next(firing) if reply is None else firing.send(reply)
            except StopIteration as end:
                self._store.forget(work)
                decision: Decision = end.value
                return decision
            if isinstance(request, Ask):
                (reply,) = self._store.decide(work, [request.chain], self._now_ms)
            else:
                reply = self._store.take(work, request.state, request.key)

    def _shown(self, decision: Decision) -> Happened:
        for timer in decision.timers:
            heapq.heappush(self._timers, (timer.due_at, next(self._numbers), timer))
        return Happened(
            tuple(
                SimulatedDelivery(self.now, each.destination, each.alert)
                for each in decision.deliveries
            ),
            tuple(HeldBack(self.now, rule, reason) for rule, reason in decision.held),
        )

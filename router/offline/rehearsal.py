"""Rules rehearsed: what they would do about given events at given times. Pure, in memory.

A simulation decides as a worker does; this says besides what a test and a backtest want to know: which
rules matched, which could not judge an event, and which alerts went where.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert
from router.cel import Verdict
from router.events.model import Event, document
from router.offline.simulation import SimulatedDelivery, Simulation, Waiting
from router.rules.index.rule_set import RuleSet
from router.rules.model import Rule
from router.rules.suppression.silences import Silence


class RehearsedDelivery(msgspec.Struct, frozen=True):
    """An alert, and whom it goes to."""

    alert: Alert
    send_to: tuple[str, ...]


class Held(msgspec.Struct, frozen=True):
    """An alert that nobody is told of."""

    rule: str
    reason: str


class RehearsalOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one event, or of the time that passed."""

    at: float
    """Unix time in seconds."""
    event: Event | None = None
    content: dict[str, Any] = {}
    """The event as Python values."""
    is_repeat: bool = False
    matches: tuple[Rule, ...] = ()
    told: tuple[RehearsedDelivery, ...] = ()
    held: tuple[Held, ...] = ()
    unjudged: tuple[Rule, ...] = ()
    """Rules whose condition is an error for the event. A worker, which looks only at rules that may
    hold, does not see all of them."""


class Rehearsal:
    """One run of a rule set over events in the order of time."""

    def __init__(self, rules: RuleSet, silences: Sequence[Silence] = ()) -> None:
        self.rules: Final = rules
        self._simulation = Simulation(rules, silences)
        self._seen: set[str] = set()

    def receive(self, event: Event, *, now: float) -> RehearsalOutcome:
        """An event comes in. Raises msgspec.DecodeError and its like where it cannot be decoded."""
        content = document(event)
        if event.key in self._seen:
            return RehearsalOutcome(at=now, event=event, content=content, is_repeat=True)
        self._seen.add(event.key)
        found = self._simulation.happens(event, now)
        matched = set(found.matched)
        return RehearsalOutcome(
            at=now,
            event=event,
            content=content,
            matches=tuple(rule for rule in self.rules.rules if rule.name in matched),
            told=told(found.sent),
            held=tuple(Held(each.rule, each.reason) for each in found.held_back),
            unjudged=self._unjudged(event, content),
        )

    def pass_time(self, until: float) -> list[RehearsalOutcome]:
        """What comes of the time that passes up to and including a moment."""
        found = self._simulation.passes(until)
        if not found.sent and not found.held_back:
            return []
        held = tuple(Held(each.rule, each.reason) for each in found.held_back)
        return [RehearsalOutcome(at=until, told=told(found.sent), held=held)]

    def acknowledge(self, alert: Alert) -> None:
        """Somebody takes care of the alerts with this alert's key."""
        self._simulation.acknowledge(alert)

    def silence(self, silence: Silence) -> None:
        """Somebody adds a silence."""
        self._simulation.silence(silence)

    def end(self) -> tuple[Waiting, ...]:
        """What is waited for still. Nothing can happen after that."""
        return self._simulation.end()

    def _unjudged(self, event: Event, content: dict[str, Any]) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self.rules.candidates(event.type)
            if rule.condition is not None and rule.condition.verdict(content) is Verdict.ERROR
        )


def told(sent: Sequence[SimulatedDelivery]) -> tuple[RehearsedDelivery, ...]:
    """The alerts that were sent, each once with all that it goes to."""
    places: dict[tuple[str, str, int], list[str]] = {}
    alerts: dict[tuple[str, str, int], Alert] = {}
    for each in sent:
        key = (each.alert.id, each.alert.status, each.alert.escalation)
        alerts[key] = each.alert
        places.setdefault(key, []).append(each.destination)
    return tuple(RehearsedDelivery(alert, tuple(places[key])) for key, alert in alerts.items())

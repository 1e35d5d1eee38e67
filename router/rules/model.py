"""A rule, checked and compiled. rule_text.py has its form in YAML."""

import enum
import re
from typing import Any, Final

import msgspec

from router.alerts import Severity
from router.cel import Condition
from router.rules.labels import NO_NAMING, Naming
from router.rules.routing import RULE, SEVERITY, DutyState, Recipients, Routing
from router.rules.severity_by_value import RuleSeverity, SeverityByValue
from router.rules.state.feature import Feature
from router.rules.state.features import NO_FEATURES, RuleFeatures

NAME_LIMIT: Final = 64
EVENTS_LIMIT: Final = 100
"""Patterns that one rule may have."""
PATTERN_LIMIT: Final = 512
"""Characters of a pattern; no event type is longer."""

NAME_PATTERN: Final = f"^[a-z0-9][a-z0-9-]{{0,{NAME_LIMIT - 1}}}$"
"""Names of rules and destinations. A regular expression of the JSON Schema dialect, too."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_EVENTS: Final = re.compile(r"[^\s*\x00-\x1f]+\*?|\*")


class Mode(enum.StrEnum):
    """The effect of a match."""

    LIVE = "live"
    """It raises an alert."""
    SHADOW = "shadow"
    """It is counted and shown; no destination is notified."""


class NumberForm(enum.StrEnum):
    """How the facts of messages show telephone numbers, SIP users and client identities."""

    MASKED = "masked"
    """In part: ``+4420…1234``."""
    WHOLE = "whole"


class WrittenRule(msgspec.Struct, frozen=True):
    """A rule as its author wrote it."""

    file: str
    line: int
    text: str
    """Its YAML, without the keys that it has from the file's ``defaults``."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, checked and compiled."""

    name: str
    description: str
    events: tuple[str, ...]
    """Event types, exact or with a ``*`` at the end."""
    condition: Condition | None
    """None matches each event of its types."""
    severity: RuleSeverity
    send_to: tuple[str, ...]
    """Names of destinations, each once, if they are the same for each alert; see ``recipients``."""
    summary: str
    """A Jinja2 template, ``""`` for the plain form."""
    mode: Mode
    features: RuleFeatures = NO_FEATURES
    naming: Naming = NO_NAMING
    routing: Routing | None = None
    """The destinations of alerts, if that depends on the event, or if routes decide it."""
    written: WrittenRule = WrittenRule("", 0, "")
    reads: tuple[str, ...] = ()
    """The fields that its conditions, measures and ``by`` read, as paths, the condition's first."""
    numbers: NumberForm = NumberForm.MASKED

    @property
    def is_shadow(self) -> bool:
        """True if the rule only counts its matches."""
        return self.mode is Mode.SHADOW

    def recipients(self, event: dict[str, Any], labels: dict[str, str], now: float) -> Recipients:
        """Return where an alert goes.

        Args:
            event: The whole CloudEvent.
            labels: The alert's labels.
            now: Unix seconds, by which destinations are on duty.
        """
        if self.routing is None:
            return Recipients(self.send_to)
        return self.routing.recipients(event, self._all_labels(event, labels), now)

    def duty_states(
        self, event: dict[str, Any], labels: dict[str, str], now: float
    ) -> tuple[DutyState, ...]:
        """Return which of an alert's destinations with a schedule are on duty; see ``recipients``."""
        if self.routing is None:
            return ()
        return self.routing.duty_states(event, self._all_labels(event, labels), now)

    def _all_labels(self, event: dict[str, Any], labels: dict[str, str]) -> dict[str, str]:
        return {**labels, SEVERITY: self.severity_of(event), RULE: self.name}

    def severity_of(self, event: dict[str, Any]) -> Severity:
        """Return the severity of an alert for this CloudEvent."""
        severity = self.severity
        if isinstance(severity, SeverityByValue):
            return severity.selected(event) or severity.otherwise
        return severity

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of all destinations that an alert of the rule can have, those of features last."""
        routed = self.send_to if self.routing is None else sorted(self.routing.destinations)
        further = (name for feature in self.features.all for name in feature.destinations)
        return tuple(dict.fromkeys((*(self.send_to or routed), *further)))

    @property
    def watches(self) -> "tuple[EventWatch, ...]":
        """All that the rule watches events for, its own condition first."""
        return (
            EventWatch(self, None, self.events, self.condition),
            *(
                EventWatch(self, feature, watched, feature.condition)
                for feature in self.features.all
                if (watched := feature.watched(self.events))
            ),
        )


class EventWatch(msgspec.Struct, frozen=True):
    """Events that a rule watches for: events of these types that match this condition."""

    rule: Rule
    ends: Feature | None
    """The feature for which the event ends something; None if it raises the rule's alert."""
    events: tuple[str, ...]
    """Event types, exact or with a ``*`` at the end."""
    condition: Condition | None
    """None matches each event of these types."""


def name_problem(name: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a rule or destination, and a hint; None if it is valid."""
    if len(name) > NAME_LIMIT:
        return f"a name has at most {NAME_LIMIT} characters, this one has {len(name)}", ""
    if _NAME.fullmatch(name):
        return None
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    hint = f'write "{better}"' if better else ""
    return f'"{name}" is no name: a name has only a-z, 0-9 and hyphens', hint


def events_problem(pattern: str) -> tuple[str, str] | None:
    """Return what is wrong with one of a rule's ``events``, and a hint; None if it is valid."""
    if len(pattern) > PATTERN_LIMIT:
        return f"an event type has at most {PATTERN_LIMIT} characters", ""
    if _EVENTS.fullmatch(pattern):
        return None
    if "*" in pattern[:-1]:
        return f'"{pattern}": a `*` can stand at the end only', "list the types one by one"
    return (
        f'"{pattern}" is no event type',
        "types have no spaces, such as com.example.order.created",
    )

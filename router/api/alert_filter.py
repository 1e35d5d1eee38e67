"""Filters on keyed alerts, as queries and options give them (pure)."""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from router.alerts import Severity
from router.api.alert_views import KeyedState, states_of, summary_text
from router.journal.keyed_alerts import FoundAlert, KeyedAlert
from router.suggestions import suggestion

_SEPARATORS: Final = ":="


class AlertFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which keyed alerts. An empty field matches any; one that cannot be read has no fields."""

    states: frozenset[KeyedState] = frozenset()
    rule: str = ""
    severities: frozenset[Severity] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    """Names and values; all must match."""
    text: str = ""
    """Text in the summary, the key, the rule or a label, in any case of letters."""

    def matches(self, found: FoundAlert, now: float) -> bool:
        """Return whether an alert matches at ``now`` in Unix seconds."""
        if self.states and not self.states & states_of(found, now):
            return False
        if isinstance(found, KeyedAlert):
            return self._matches_fields(found)
        return not (self.rule or self.severities or self.labels) and _has(
            self.text, (found.key, found.reason)
        )

    def _matches_fields(self, found: KeyedAlert) -> bool:
        alert = found.alert
        return (
            (not self.rule or alert.rule == self.rule)
            and (not self.severities or alert.severity in self.severities)
            and all(alert.labels.get(name) == value for name, value in self.labels)
            # The summary last, because it is rendered.
            and (
                _has(self.text, (found.key, alert.rule, *alert.labels.values()))
                or _has(self.text, (summary_text(alert),))
            )
        )


def alert_filter(
    *,
    state: Iterable[str] = (),
    rule: str = "",
    severity: Iterable[str] = (),
    label: Iterable[str] = (),
    text: str = "",
) -> AlertFilter:
    """Return a filter.

    Args:
        state: Names of states, each perhaps several ones with commas between them.
        rule: The name of a rule.
        severity: As ``state``.
        label: Texts such as ``team:voice``.
        text: Text to look for.

    Raises:
        ValueError: A name or a label is wrong; the message begins with the argument's name.
    """
    states = _chosen("state", state, list(KeyedState))
    severities = _chosen("severity", severity, list(Severity))
    return AlertFilter(
        states=frozenset(map(KeyedState, states)),
        rule=rule,
        severities=frozenset(map(Severity, severities)),
        labels=tuple(map(_label, label)),
        text=text,
    )


def _chosen(argument: str, texts: Iterable[str], known: Collection[str]) -> set[str]:
    chosen = {word.strip() for text in texts for word in text.split(",") if word.strip()}
    for word in sorted(chosen):
        if word not in known:
            raise ValueError(f"{argument}: no {argument} {word[:60]!r} ({suggestion(word, known)})")
    return chosen


def _label(text: str) -> tuple[str, str]:
    found = [at for at in map(text.find, _SEPARATORS) if at > 0]
    if not found:
        raise ValueError(f"label: {text[:60]!r} is not a name and a value, such as team:voice")
    return text[: min(found)], text[min(found) + 1 :]


def _has(text: str, values: Iterable[str]) -> bool:
    return any(text.lower() in value.lower() for value in values)

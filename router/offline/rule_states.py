"""The state of the rules that an event matches: questions to the store, and its answers.

This package reads no store; its caller does (``router explain``).
"""

import msgspec

from router.events.model import Event, document
from router.rules.index.rule_set import RuleSet
from router.rules.state.step import Step
from router.timestamps import utc_minute
from router.worker.evaluation.decide import possible_alerts
from router.worker.evaluation.suppression_reason import Snapshot


class StateQuestion(msgspec.Struct, frozen=True):
    """A rule whose state is to be read, and the values of an event."""

    rule: str
    alert_key: str
    steps: tuple[Step, ...]
    """All that the event would run; some of them measure."""


class AlertStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The alert of a rule and the values of its ``by``, as it stands."""

    key: str
    state: str
    """As in ``router alerts``: ``firing, suppressed: muted until 06:00``."""
    since: str
    """RFC 3339; ``""`` if it cannot be read."""
    told: tuple[str, ...] = ()
    """The last status that each destination was told, and when."""


class RuleStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a rule for the values of an event, without the event."""

    figures: tuple[str, ...] = ()
    """``41 of 512 in the last 10m, 8.0 %``."""
    alert: AlertStanding | None = None

    def lines(self) -> list[str]:
        """Return sentences for the terminal."""
        lines = [f"now: {figures}" for figures in self.figures]
        if self.alert is not None:
            since = f", since {utc_minute(self.alert.since)}" if self.alert.since else ""
            lines.append(f"now: alert {self.alert.key}{since}: {self.alert.state}")
            lines += [f"  told {each}" for each in self.alert.told]
        return lines or ["now: nothing is stored for these values"]


def state_questions(event: Event, rules: RuleSet, *, now: float) -> list[StateQuestion]:
    """Return a question for each rule that matches an event and remembers."""
    content = document(event)
    judgement = rules.judge(event.type, content)
    return [
        StateQuestion(each.rule.name, each.alert.key, each.chain.steps)
        for each in possible_alerts(event, content, judgement, Snapshot(now))
        if each.is_match and each.chain is not None
    ]

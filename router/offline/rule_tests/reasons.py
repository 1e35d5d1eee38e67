"""Why a rule sent no alert that a test expects, as far as the events of the test show it.

An expectation is about the time since the previous one. The reason may be earlier: the alert was
muted in an earlier step, or an operator acknowledged it. Such a reason says in which step it is.
"""

import enum
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus
from router.cel import Condition, Verdict
from router.cel.deciding_part import deciding_part
from router.offline.rule_tests.model import Expectation
from router.offline.simulation import SimulationOutcome
from router.rules.describe import describe_ending
from router.rules.index.rule_set import RuleSet
from router.rules.model import EventWatch, Rule

_KEPT: Final = 10_000
"""Outcomes that are searched for a reason."""
_LISTED: Final = 3
"""Types of events that a reason lists."""


class _Rank(enum.IntEnum):
    """How much a finding explains, the best last."""

    NO_MATCH = enum.auto()
    REPEAT = enum.auto()
    ENDING = enum.auto()
    MATCHED = enum.auto()
    SENT = enum.auto()
    SUPPRESSED = enum.auto()


class _Finding(msgspec.Struct, frozen=True, order=True):
    rank: _Rank
    text: str


class CaseHistory:
    """All that happened in a test so far.

    Args:
        rules: All rules.
        started_at: When the test began, in Unix seconds.
    """

    def __init__(self, rules: RuleSet, started_at: float) -> None:
        self._rules = rules
        self._started_at = started_at
        self._outcomes: deque[SimulationOutcome] = deque(maxlen=_KEPT)
        self._acknowledged: dict[str, float] = {}

    def note(self, outcomes: Iterable[SimulationOutcome]) -> None:
        """Add outcomes, in order."""
        self._outcomes += outcomes

    def note_acknowledgement(self, rule: str, at: float) -> None:
        """Add that an operator acknowledged the rule's alerts at Unix seconds ``at``."""
        self._acknowledged[rule] = at

    def reasons(self, expected: Expectation, now: Iterable[SimulationOutcome]) -> list[str]:
        """Return why a rule sent no alert as expected, as sentences without an end.

        Args:
            expected: The alert that is missing.
            now: The outcomes since the previous expectation. They are among those noted.
        """
        now = list(now)
        best = self._best(expected, now)
        earlier = self._earlier(expected, now)
        reasons = []
        if expected.escalation and expected.rule in self._acknowledged:
            when = self._when(self._acknowledged[expected.rule])
            reasons.append(f"an operator acknowledged its alerts {when}")
        if best is not None:
            reasons.append(best.text)
        if earlier and (best is None or best.rank is _Rank.ENDING):
            reasons.append(earlier)
        return reasons or [self._no_event(expected.rule)]

    def last_reason(self, rule: str) -> str:
        """Return what became of the rule's last event; ``""`` if there was none."""
        return self._earlier(Expectation(rule=rule), [])

    def _best(self, expected: Expectation, now: list[SimulationOutcome]) -> _Finding | None:
        best: _Finding | None = None
        for outcome in reversed(now):  # of several alike, the last
            for finding in self._findings(expected, outcome):
                if best is None or finding.rank > best.rank:
                    best = finding
        if best is not None and best.rank is _Rank.SENT:
            alike = [_is_alike(sent.alert, expected) for each in now for sent in each.sent]
            count = sum(alike)
            alerts = "1 alert" if count == 1 else f"{count} alerts"
            return _Finding(_Rank.SENT, f"it sent {alerts} only, which other expectations take")
        return best

    def _earlier(self, expected: Expectation, now: list[SimulationOutcome]) -> str:
        """Return the last reason of the steps before, with its time."""
        recent = {id(outcome) for outcome in now}
        for outcome in reversed(self._outcomes):
            if id(outcome) in recent:
                continue
            found = max(self._findings(expected, outcome), default=None)
            if found is not None:
                return f"in an earlier step, {self._when(outcome.at)}: {found.text}"
        return ""

    def _when(self, at: float) -> str:
        return f"{at - self._started_at:g}s from the beginning"

    def _findings(self, expected: Expectation, outcome: SimulationOutcome) -> Iterator[_Finding]:
        name = expected.rule
        for suppressed in outcome.suppressed:
            if suppressed.rule == name:
                yield _Finding(_Rank.SUPPRESSED, f"suppressed: {suppressed.reason}")
        if any(_is_alike(sent.alert, expected) for sent in outcome.sent):
            yield _Finding(_Rank.SENT, "its alert was sent")
        event = outcome.event
        if event is None:
            return
        watches = [
            watch
            for watch in self._rules.watches
            if watch.rule.name == name and _is_for(watch, event.type)
        ]
        if watches and outcome.is_repeat:
            yield _Finding(_Rank.REPEAT, f"a repeat: the event {event.id} came before")
            return
        for watch in watches:
            yield from _of_watch(watch, outcome, expected)

    def _no_event(self, name: str) -> str:
        came = dict.fromkeys(each.event.type for each in self._outcomes if each.event is not None)
        text = f"no event came that {name} is for"
        rule = self._rules.by_name.get(name)
        if not came or rule is None:
            return text
        more = ", …" if len(came) > _LISTED else ""
        wanted = ", ".join(rule.events[:_LISTED])
        return f"{text}: it is for {wanted}, and there were {', '.join([*came][:_LISTED])}{more}"


def _of_watch(
    watch: EventWatch, outcome: SimulationOutcome, expected: Expectation
) -> Iterator[_Finding]:
    """Yield what an event of the watch's types means to its rule."""
    content = outcome.content
    condition = watch.condition
    matches = condition is None or condition.verdict(content) is Verdict.MATCH
    is_resolution = expected.status is AlertStatus.RESOLVED
    if watch.ends is None:
        if matches:
            is_sent = any(sent.alert.rule == expected.rule for sent in outcome.sent)
            text = "its alert was sent" if is_sent else _matched(watch.rule, outcome)
            yield _Finding(_Rank.MATCHED, text)
        elif condition is not None and not is_resolution:
            yield _Finding(_Rank.NO_MATCH, _verdict(condition, content))
    elif matches and is_resolution:
        ending = describe_ending(watch, content).partition(": ")[2]
        yield _Finding(_Rank.ENDING, f"{ending}, but no such alert was open")
    elif matches and watch.ends.delays:
        yield _Finding(_Rank.ENDING, describe_ending(watch, content).partition(": ")[2])
    elif condition is not None and is_resolution:
        verdict = _verdict(condition, content)
        yield _Finding(_Rank.NO_MATCH, f"{watch.ends.key}: {verdict}")


def _matched(rule: Rule, outcome: SimulationOutcome) -> str:
    standing = outcome.standing.get(rule.name)
    waits = [
        sentence
        for feature in rule.features.met
        if feature.delays
        for sentence in feature.describe(outcome.content)
    ]
    found = [f"now: {standing}"] if standing else []
    return "; ".join(["it matched, and no alert was sent yet", *waits, *found])


def _verdict(condition: Condition, content: dict[str, Any]) -> str:
    if condition.verdict(content) is Verdict.ERROR:
        return f"evaluation failed: {condition.reason(content)}"
    part = deciding_part(condition, content)
    return f"{part.text} is {part.verdict}"


def _is_alike(alert: Alert, expected: Expectation) -> bool:
    return alert.rule == expected.rule and expected.status in {None, alert.status}


def _is_for(watch: EventWatch, event_type: str) -> bool:
    return any(
        event_type == each or (each.endswith("*") and event_type.startswith(each[:-1]))
        for each in watch.events
    )

"""How the rules evaluate one event, and why: for ``router explain``. Sends nothing."""

import enum
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from router.alerts import Preview
from router.cel import Verdict
from router.cel import as_text as value_text
from router.cel.deciding_part import deciding_part
from router.configuration.diagnostics import printable
from router.destinations.contract import Destination
from router.events.model import Event, document
from router.offline.rule_states import RuleStanding
from router.rules.describe import describe_ending, describe_state
from router.rules.index.rule_set import RuleSet
from router.rules.model import Rule
from router.rules.routing import DutyState
from router.rules.severity_by_value import SeverityByValue
from router.rules.state.decision import Notification
from router.timestamps import utc_second
from router.worker.evaluation.fan_out import fan_out, raise_alert

_SHOWN_LIMIT: Final = 500
"""Characters of a value."""


class RuleResult(enum.StrEnum):
    """The result of a rule."""

    MATCHED = "matched"
    SHADOW = "matched (shadow: no destination is notified)"
    NOT_MATCHED = "did not match"
    ERROR = "evaluation failed"


class ExplanationStep(msgspec.Struct, frozen=True):
    """A part of a condition, and its value as text."""

    text: str
    value: str


class Decider(msgspec.Struct, frozen=True):
    """The part of a condition that decided it.

    ``offset`` and ``length`` count characters of the condition.
    """

    offset: int
    length: int
    verdict: str
    """``false: data.count = 2``, or why there is no verdict."""


class Sending(msgspec.Struct, frozen=True):
    """The message that a destination would receive."""

    destination: str
    preview: Preview


class RuleExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule evaluates the event."""

    rule: str
    result: RuleResult
    condition: str
    """The source of the rule's condition; ``""`` if it has none."""
    steps: tuple[ExplanationStep, ...]
    """The value of each part of the condition, in the order in which it is computed."""
    decider: Decider | None
    """None if the rule has no condition."""
    reason: str
    """Why the evaluation failed; ``""`` if it did not."""
    severity: str
    """The severity of the alert."""
    severity_reason: str
    """How an expression selected it, or why it did not; ``""`` if the severity is constant."""
    labels: dict[str, str]
    routes: tuple[int, ...]
    """The numbers of the routes that took the alert; none where the rule says itself where to."""
    duties: tuple[DutyState, ...]
    """The destinations that are on duty at some times alone."""
    memory: tuple[str, ...]
    """How the rule's state affects a match, without asking the store."""
    standing: RuleStanding | None
    """The state of the rule for the values of the event; None if that was not read."""
    sendings: tuple[Sending, ...]
    """The messages, unless state, silences or mute times suppress them."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """How the rules evaluate the event."""

    event_id: str
    event_type: str
    rules: tuple[RuleExplanation, ...]
    """The rules that name the event's type, in their order."""
    endings: tuple[str, ...]
    """Sentences about the open alerts and the waiting of ``absent`` that the event ends."""
    other_rules: int
    """How many rules are for other types."""


def explain(
    event: Event,
    rules: RuleSet,
    destinations: Iterable[Destination],
    *,
    now: float,
    standings: Mapping[str, RuleStanding] = MappingProxyType({}),
) -> Explanation:
    """Evaluate one event by each rule that names its type.

    Args:
        event: The event.
        rules: All rules.
        destinations: All destinations.
        now: Unix time in seconds.
        standings: The state of rules by their names, as far as it was read.
    """
    content = document(event)
    by_name = {destination.name: destination for destination in destinations}
    candidates = rules.candidates(event.type)
    explained = [
        msgspec.structs.replace(
            _explain(rule, event, content, by_name, now), standing=standings.get(rule.name)
        )
        for rule in candidates
    ]
    return Explanation(
        event_id=event.id,
        event_type=event.type,
        rules=tuple(_without_hidden(candidates, explained)),
        endings=tuple(
            describe_ending(watch, content) for watch in rules.judge(event.type, content).endings
        ),
        other_rules=len(rules.rules) - len(candidates),
    )


def _explain(
    rule: Rule,
    event: Event,
    content: dict[str, Any],
    destinations: Mapping[str, Destination],
    now: float,
) -> RuleExplanation:
    verdict = Verdict.MATCH if rule.condition is None else rule.condition.verdict(content)
    result = _RESULTS[verdict]
    if result is RuleResult.MATCHED and rule.is_shadow:
        result = RuleResult.SHADOW
    steps: tuple[ExplanationStep, ...] = ()
    decider = None
    reason = ""
    if rule.condition is not None:
        steps = tuple(
            ExplanationStep(step.text, step.error or _shown(step.value))
            for step in rule.condition.explain(content)
        )
        if verdict is Verdict.ERROR:
            reason = rule.condition.reason(content)
        part = deciding_part(rule.condition, content)
        decider = Decider(part.offset, part.length, f"error: {reason}" if reason else part.verdict)
    alert = raise_alert(event, content, rule, now=now)
    recipients = rule.recipients(content, alert.labels, now)
    sendings: tuple[Sending, ...] = ()
    if result is RuleResult.MATCHED:
        shown = rule.features.at_threshold(alert)
        sendings = tuple(
            Sending(delivery.destination, destinations[delivery.destination].preview(delivery))
            for delivery in fan_out([Notification(shown, recipients.destinations)])
        )
    return RuleExplanation(
        rule=rule.name,
        result=result,
        condition="" if rule.condition is None else rule.condition.source,
        steps=steps,
        decider=decider,
        reason=reason,
        severity=alert.severity,
        severity_reason=_severity_reason(rule, content),
        labels=alert.labels,
        routes=recipients.routes,
        duties=rule.duty_states(content, alert.labels, now),
        memory=tuple(describe_state(rule, content)) if verdict is Verdict.MATCH else (),
        standing=None,
        sendings=sendings,
    )


def _without_hidden(
    rules: Iterable[Rule], explained: Iterable[RuleExplanation]
) -> Iterator[RuleExplanation]:
    """Yield the explanations; those of rules that come second in a list have no messages.

    Only lists without state are considered: the others depend on what happened before.
    """
    pairs = [
        (each, rule.features.first_of if each.result is RuleResult.MATCHED else None)
        for rule, each in zip(rules, explained, strict=True)
    ]
    listed = [(place, each) for each, place in pairs if place is not None and not place.remembers]
    listed.sort(key=lambda pair: -pair[0].position)
    firsts = {place.state: each.rule for place, each in listed}
    for each, place in pairs:
        first = firsts.get(place.state, each.rule) if place is not None else each.rule
        if first == each.rule:
            yield each
        else:
            line = f"is suppressed as first_of, because {first} tells of this event"
            yield msgspec.structs.replace(each, sendings=(), memory=(line,))


def _severity_reason(rule: Rule, content: dict[str, Any]) -> str:
    severity = rule.severity
    if not isinstance(severity, SeverityByValue):
        return ""
    problem = severity.problem(content)
    return f"because {problem}" if problem else f"by {severity.text}"


_WHEN: Final = "  when "
_RESULTS: Final = {
    Verdict.MATCH: RuleResult.MATCHED,
    Verdict.NO_MATCH: RuleResult.NOT_MATCHED,
    Verdict.ERROR: RuleResult.ERROR,
}


def _shown(value: object) -> str:
    text = value_text(value)
    # Cut because a part of a condition may be a whole table.
    return text if len(text) <= _SHOWN_LIMIT else f"{text[:_SHOWN_LIMIT]}…"


def as_text(explanation: Explanation) -> str:
    """Return an explanation as text for the terminal."""
    lines = [f"event {explanation.event_id}, type {explanation.event_type}"]
    for rule in explanation.rules:
        lines += ["", f"rule {rule.rule}: {rule.result}"]
        if rule.decider is not None:
            lines += _marked(rule.condition, rule.decider)
        if rule.sendings:
            if rule.severity_reason:
                lines.append(f"  severity = {rule.severity}, {printable(rule.severity_reason)}")
            lines += [f"  label {name} = {value}" for name, value in rule.labels.items()]
            lines += [f"  route {number} takes it" for number in rule.routes]
        if rule.result is RuleResult.MATCHED:
            lines += [f"  {duty_line(each)}" for each in rule.duties]
        standing = [] if rule.standing is None else rule.standing.lines()
        lines += [f"  {printable(line)}" for line in (*rule.memory, *standing)]
        for sending in rule.sendings:
            lines.append(f"  to {sending.destination}:")
            lines += [f"    {line}" for line in preview_lines(sending.preview)]
    if explanation.endings:
        lines += ["", "it ends:", *(f"  {printable(line)}" for line in explanation.endings)]
    others = explanation.other_rules
    lines += ["", f"{others} {'rule is' if others == 1 else 'rules are'} for other event types"]
    return "\n".join(lines)


def duty_line(state: DutyState) -> str:
    """Return a sentence on whether a destination is on duty now, and until when."""
    until = "" if state.until is None else f" until {utc_second(state.until)}"
    on_or_off = "on" if state.is_on_duty else "off"
    return f"{state.destination} ({state.when}) is {on_or_off} duty{until}"


def _marked(condition: str, decider: Decider) -> Iterator[str]:
    """Yield the lines of a condition and, below the part that decided it, the verdict."""
    begin = 0
    label = _WHEN
    for line in condition.rstrip().split("\n"):
        end = begin + len(line)
        yield f"{label}{line}"
        label = " " * len(_WHEN)
        if begin <= decider.offset <= end:
            caret = "^" * max(1, min(decider.length, end - decider.offset))
            yield f"{label}{' ' * (decider.offset - begin)}{caret} {decider.verdict}"
        begin = end + 1


def preview_lines(preview: Preview) -> list[str]:
    """Return a preview for the terminal: headers, an empty line, the body; JSON is indented."""
    body = preview.body
    if "json" in preview.content_type:
        body = msgspec.json.format(body, indent=2)
    headers = [f"{name}: {value}" for name, value in preview.headers]
    return [*headers, *([""] if headers else []), *body.splitlines()]

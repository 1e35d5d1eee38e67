"""The result of an event by each rule, and why there was no more (pure).

The recorded results are merged with the verdicts of today's rules.

A part of a condition that reads a field which history has not kept, or only masked, has no certain
value (``event_content.py``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from router.alerts import alert_id
from router.api.delivery_views import DeliveryState, DeliveryView
from router.api.event_content import EventContent
from router.api.event_views import (
    ConditionPartView,
    PartResult,
    RuleOutcomeView,
    RuleVerdict,
    match_text,
    match_view,
)
from router.cel import Condition
from router.cel.deciding_part import condition_parts
from router.events.json_text import UNDECODABLE
from router.events.model import Event, document
from router.history.records import EventMatch, EventOutcome, EventRecord, MatchOutcome
from router.offline.explain import duty_line
from router.offline.rule_states import RuleStanding
from router.quantities import counted
from router.rules.describe import describe_ending, describe_state
from router.rules.index.rule_set import RuleSet
from router.rules.model import Rule
from router.settings.choices import KeptBody
from router.worker.evaluation.fan_out import raise_alert

LISTED_RULES: Final = 200
"""Rules that an explanation has at most; those that matched come first."""
_UNDECIDED: Final = frozenset({EventOutcome.DUPLICATE, EventOutcome.QUARANTINED})
"""Outcomes of events that no rule has judged."""


class KnownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is to be explained."""

    event: Event
    outcome: EventOutcome | None
    """None if it is not evaluated yet."""
    matches: tuple[EventMatch, ...] = ()
    kept: KeptBody = KeptBody.FULL
    is_masked: bool = False
    is_same_generation: bool = True
    """Whether today's rules are those that evaluated it."""
    evaluated_at: float
    """Unix time in seconds; now for an event that is not evaluated yet."""


def known_event(record: EventRecord, generation: str) -> KnownEvent:
    """Return an event of history. ``generation`` is that of today's rules."""
    return KnownEvent(
        event=record.event,
        outcome=record.outcome,
        matches=record.matches,
        kept=record.kept,
        is_masked=record.is_masked,
        is_same_generation=record.generation == generation,
        evaluated_at=record.finished_at,
    )


def content_of(known: KnownEvent) -> EventContent | None:
    """Return the content of an event; None if it cannot be decoded."""
    try:
        full = document(known.event)
    except UNDECODABLE:
        return None
    is_cut = known.kept is KeptBody.NONE or (
        known.kept is KeptBody.FIELDS and not known.is_same_generation
    )
    return EventContent(full=full, is_masked=known.is_masked, is_cut=is_cut)


def explained_rules(
    known: KnownEvent,
    content: EventContent | None,
    rules: RuleSet,
    *,
    only: str = "",
    deliveries: Mapping[str, Sequence[DeliveryView]] = MappingProxyType({}),
    standings: Mapping[str, RuleStanding] = MappingProxyType({}),
) -> Iterator[RuleOutcomeView]:
    """Yield the result of an event by each rule of its type, those with a recorded result first.

    Args:
        known: The event.
        content: Its content; None if it cannot be decoded.
        rules: Today's rules.
        only: Name of the rule to explain; ``""`` for all.
        deliveries: By the name of the rule.
        standings: The state of rules now, as far as it was read.
    """
    recorded: dict[str, list[EventMatch]] = {}
    for match in known.matches:
        recorded.setdefault(match.rule, []).append(match)
    candidates = {rule.name: rule for rule in rules.candidates(known.event.type)}
    names = sorted(
        {**dict.fromkeys(recorded), **dict.fromkeys(candidates)},
        key=lambda name: name not in recorded,
    )
    for name in [each for each in names if not only or each == only][:LISTED_RULES]:
        matches = sorted(recorded.get(name, ()), key=lambda match: not match.is_match)
        rule = candidates.get(name)
        if rule is None:
            view = _without_rule(name, known, matches, is_there=name in rules.by_name)
        else:
            view = _judged(rule, known, content, matches)
        yield msgspec.structs.replace(
            view,
            deliveries=tuple(deliveries.get(name, ())),
            notes=(
                *_without_delivery(matches, deliveries.get(name, ())),
                *(match_text(match) for match in matches[1:]),
                *view.notes,
                *(standings[name].lines() if name in standings else ()),
            ),
        )


def _without_delivery(
    matches: Iterable[EventMatch], deliveries: Iterable[DeliveryView]
) -> Iterator[str]:
    """Yield a sentence on each destination that was notified, and whose delivery is not known."""
    known = {each.destination for each in deliveries}
    for destination in (each for match in matches for each in match.destinations):
        if destination not in known:
            yield (
                f"the message to {destination} is not known any more: a later one of its key took its"
                " place, or history does not have it"
            )


def recorded_rules(
    known: KnownEvent, deliveries: Mapping[str, Sequence[DeliveryView]]
) -> Iterator[RuleOutcomeView]:
    """Yield the recorded results alone, for a process that has no rules."""
    for match in known.matches:
        yield RuleOutcomeView(
            rule=match.rule,
            verdict=RuleVerdict.MATCHED if match.is_match else RuleVerdict.ENDED,
            text=f"matched: {match_text(match)}" if match.is_match else match_text(match),
            recorded=match_view(match),
            alert=alert_id(known.event.key, match.rule) if match.is_match else "",
            deliveries=tuple(deliveries.get(match.rule, ())),
        )


def rule_count(known: KnownEvent, rules: RuleSet) -> tuple[int, int]:
    """Return how many rules are for the event's type, and how many are not."""
    candidates = len(rules.candidates(known.event.type))
    return candidates, len(rules.rules) - candidates


def endings(known: KnownEvent, content: EventContent | None, rules: RuleSet) -> Iterator[str]:
    """Yield a sentence for each open alert or expectation that the event ends, by today's rules."""
    if content is not None:
        for watch in rules.judge(known.event.type, content.certain()).endings:
            if content.is_known or _evaluated(watch.condition, content)[1] is RuleVerdict.MATCHED:
                yield describe_ending(watch, content.full)


def summary_text(
    known: KnownEvent, reason: str, deliveries: Iterable[DeliveryView], candidates: int | None
) -> str:
    """Return a sentence on what came of an event.

    Args:
        known: The event.
        reason: Why it is in quarantine.
        deliveries: All its deliveries.
        candidates: How many of today's rules are for its type; None if that is not known.
    """
    match known.outcome:
        case None:
            return (
                "It is accepted and not evaluated yet: no worker has begun it, or it has not ended."
            )
        case EventOutcome.DUPLICATE:
            return (
                "It was dropped as a duplicate: an event of the same source and id came before it."
            )
        case EventOutcome.QUARANTINED:
            return f"It is in quarantine, and no rule has judged it: {reason}."
        case EventOutcome.FILTERED:
            none = "no rule is for its type" if candidates == 0 else "no rule matched it"
            return f"No alert came of it: {none}."
        case _:
            return _matched_text(known.matches, list(deliveries))


def _matched_text(matches: Sequence[EventMatch], deliveries: Sequence[DeliveryView]) -> str:
    notified = [match.rule for match in matches if match.outcome is MatchOutcome.NOTIFIED]
    if deliveries:
        states = [each.state for each in deliveries]
        counts = [
            f"{states.count(state)} {state}" for state in DeliveryState if state in set(states)
        ]
        return f"{counted(len(notified), 'rule')} notified: deliveries {', '.join(counts)}."
    if notified:
        return f"{counted(len(notified), 'rule')} notified: {', '.join(notified)}."
    if not matches:
        return "No destination was told."
    sentences = "; ".join(f"{match.rule} {match_text(match)}" for match in matches)
    if any(match.outcome is MatchOutcome.RESOLVED for match in matches):
        return f"It raised no alert that was told: {sentences}."
    return f"No destination was told: {sentences}."


def _without_rule(
    name: str, known: KnownEvent, matches: Sequence[EventMatch], *, is_there: bool
) -> RuleOutcomeView:
    """Return what was recorded for a rule that is not among today's rules of the event's type."""
    first = matches[0]
    if is_there and not first.is_match:
        verdict, more = RuleVerdict.ENDED, ""
    else:
        verdict = RuleVerdict.GONE
        more = "; today's rule is for other types" if is_there else "; today there is no such rule"
    return RuleOutcomeView(
        rule=name,
        verdict=verdict,
        text=f"{match_text(first)}{more}",
        recorded=match_view(first),
        differs=verdict is RuleVerdict.GONE,
        alert=alert_id(known.event.key, name) if first.is_match else "",
    )


def _judged(
    rule: Rule,
    known: KnownEvent,
    content: EventContent | None,
    matches: Sequence[EventMatch],
) -> RuleOutcomeView:
    first = matches[0] if matches else None
    parts, verdict, problem = _evaluated(rule.condition, content)
    was_match = first is not None and first.is_match
    is_decided = known.outcome is not None and known.outcome not in _UNDECIDED
    is_known = verdict is not RuleVerdict.UNKNOWN
    differs = is_decided and is_known and (verdict is RuleVerdict.MATCHED) != was_match
    severity = ""
    notes: tuple[str, ...] = ()
    if content is not None and (was_match or verdict is RuleVerdict.MATCHED):
        severity = str(rule.severity_of(content.full))
        notes = tuple(_match_notes(rule, known, content))
    return RuleOutcomeView(
        rule=rule.name,
        verdict=verdict,
        text=_text(known, first, verdict, parts, problem, differs=differs),
        is_shadow=rule.is_shadow,
        severity=severity,
        condition="" if rule.condition is None else rule.condition.source,
        parts=parts,
        recorded=None if first is None else match_view(first),
        differs=differs,
        alert=alert_id(known.event.key, rule.name) if was_match else "",
        notes=notes,
    )


def _match_notes(rule: Rule, known: KnownEvent, content: EventContent) -> Iterator[str]:
    """Yield sentences on what the rule remembers, and on who was on duty when it was evaluated."""
    yield from describe_state(rule, content.full)
    alert = raise_alert(known.event, content.full, rule, now=known.evaluated_at)
    for state in rule.duty_states(content.full, alert.labels, known.evaluated_at):
        yield f"at that time: {duty_line(state)}"


def _text(
    known: KnownEvent,
    first: EventMatch | None,
    verdict: RuleVerdict,
    parts: Sequence[ConditionPartView],
    problem: str,
    *,
    differs: bool,
) -> str:
    if first is not None:
        text = f"matched: {match_text(first)}" if first.is_match else match_text(first)
        if not first.is_match and verdict is RuleVerdict.NOT_MATCHED:
            return f"{text}; its own condition did not match: {_why(parts)}"
        return f"{text}; {_TODAY[verdict]}" if differs else text
    why = problem or _why(parts)
    if verdict is not RuleVerdict.MATCHED:
        return f"{verdict}: {why}" if why else verdict.value
    if known.outcome is None:
        return "matches, and is not evaluated yet"
    if known.outcome in _UNDECIDED:
        return "its condition matches, but the event was not evaluated"
    return "matches by today's rules, and did not when it was evaluated"


def _why(parts: Sequence[ConditionPartView]) -> str:
    """Return the deciding parts, for a line."""
    deciding = [each for each in parts if each.decides]
    return "; ".join(
        f"{each.text} is {each.result}" + (f": {each.values}" if each.values else "")
        for each in deciding
    )


def _evaluated(
    condition: Condition | None, content: EventContent | None
) -> tuple[tuple[ConditionPartView, ...], RuleVerdict, str]:
    """Return the parts of a condition, the verdict, and why there is none."""
    if condition is None:
        return (), RuleVerdict.MATCHED, ""
    if content is None:
        return (), RuleVerdict.UNKNOWN, "its body cannot be decoded"
    found = condition_parts(condition, content.full)
    known = found if content.is_known else condition_parts(condition, content.certain())
    results = [content.result(part) for part in known]
    verdict = _verdict(results)
    decisive = {
        RuleVerdict.NOT_MATCHED: PartResult.FALSE,
        RuleVerdict.ERROR: PartResult.NOTHING,
        RuleVerdict.UNKNOWN: PartResult.UNKNOWN,
    }.get(verdict)
    parts = tuple(
        ConditionPartView(
            text=part.text, result=result, values=part.values, decides=result is decisive
        )
        for part, result in zip(found, results, strict=True)
    )
    problem = condition.reason(content.full) if verdict is RuleVerdict.ERROR else ""
    return parts, verdict, problem


def _verdict(results: Sequence[PartResult]) -> RuleVerdict:
    for result, verdict in _VERDICTS.items():
        if result in results:
            return verdict
    return RuleVerdict.MATCHED


_TODAY: Final = {
    RuleVerdict.MATCHED: "by today's rules it matches",
    RuleVerdict.NOT_MATCHED: "by today's rules it does not match",
    RuleVerdict.ERROR: "by today's rules its evaluation fails",
}
_VERDICTS: Final = {
    PartResult.FALSE: RuleVerdict.NOT_MATCHED,
    PartResult.UNKNOWN: RuleVerdict.UNKNOWN,
    PartResult.NOTHING: RuleVerdict.ERROR,
}
"""The verdict if one of the parts has a result. One that is false decides, whatever the others are."""

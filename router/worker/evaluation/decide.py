"""The results of a batch: from the rules that match to notifications and timers. Pure.

First ``possible_alerts`` returns what an event may result in and, if the rule remembers, what the
store must decide: a chain of steps. The chains of a batch are decided in one call. Then ``decide``
takes the results and says which destinations are notified, and which timers are set.

``rules/state/features.py`` lists the features of a rule in the order in which an alert meets them.
A feature that stops the alert is the reason of its suppression.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertId
from router.events.model import Event
from router.rules.index.rule_set import Judgement
from router.rules.model import Rule
from router.rules.routing import Recipients
from router.rules.state.chain import Chain, StoredAlert, encode_alert
from router.rules.state.decision import Decision, DecisionDraft
from router.rules.state.feature import Feature, StateId
from router.rules.state.first_of import FIRST_OF
from router.rules.state.keyed_alert import reasons_of
from router.rules.state.measured import measured
from router.rules.state.step import ChainResult, Outcome, Reason, Step
from router.rules.state.suppress import SHADOW
from router.rules.state.window import LATE
from router.worker.evaluation.fan_out import raise_alert
from router.worker.evaluation.plan import (
    alert_facts,
    bound_places,
    plan_steps,
)
from router.worker.evaluation.suppression_reason import (
    Snapshot,
    suppression_reason,
)

_HELD_FIELDS: Final = 4
"""The ``extra`` of a notification (lifecycle.py): since when, why, the number of the reminder, and the name
of who has acknowledged the alert."""
_NOTHING_HELD: Final = (b"0", b"", b"0", b"")


class PossibleAlert(msgspec.Struct, frozen=True):
    """A possible result of an event, by one rule."""

    rule: Rule
    alert: Alert
    send_to: tuple[str, ...]
    """Destinations that the alert is for."""
    chain: Chain | None
    """The steps that the store must decide; None if the rule remembers nothing."""
    suppressed: Reason | None = None
    """Why the alert is suppressed, if that needs no decision of the store."""
    is_match: bool = True
    """True if the rule's own condition matches; False if the event ends something."""


class EvaluatedEvent(msgspec.Struct, frozen=True):
    """An event and all that it may result in."""

    event: Event
    possible: tuple[PossibleAlert, ...]


def possible_alerts(
    event: Event, content: dict[str, Any], judgement: Judgement, snapshot: Snapshot
) -> tuple[PossibleAlert, ...]:
    """Return what an event may result in, in the order in which it is decided.

    Endings come first, because an event may end an expectation and begin the next one. One that has
    no value to find what it ends is left out. Rules that inhibit others come before those others, and
    rules of a list of ``first_of`` are in its order.

    Args:
        event: The event.
        content: The same as Python values.
        judgement: What the rules say of it.
        snapshot: What else the result depends on.
    """
    endings = [
        _ending(event, content, watch.rule, watch.ends, snapshot)
        for watch in judgement.endings
        if watch.ends is not None and not watch.ends.lacks_key(content)
    ]
    return (*endings, *_matches(event, content, judgement.matches, snapshot))


def chains(evaluated: Iterable[EvaluatedEvent]) -> list[Chain]:
    """Return all that the store must decide, in order."""
    return [
        possible.chain
        for each in evaluated
        for possible in each.possible
        if possible.chain is not None
    ]


def decide(
    evaluated: Iterable[EvaluatedEvent], results: Mapping[str, ChainResult], snapshot: Snapshot
) -> Decision:
    """Return what results from events, given the result of each chain by its id."""
    draft = DecisionDraft(snapshot.now, snapshot.firing_only)
    for each in evaluated:
        _decide_event(draft, each, results)
    return draft.decision()


def make_chain(alert: Alert, rule: Rule, send_to: tuple[str, ...], steps: Iterable[Step]) -> Chain:
    """Return the chain of an alert that takes these steps."""
    stored = encode_alert(StoredAlert(alert, send_to)) if rule.features.keeps_alert else b""
    return Chain(f"{alert.id}-raise", tuple(steps), stored)


def conclude(
    draft: DecisionDraft, possible: PossibleAlert, chain: Chain, result: ChainResult
) -> None:
    """Add to the draft what results from the chain of a possible alert."""
    rule, alert = possible.rule, measured(possible.alert, result.words)
    if result.overflowed:
        draft.overflow(rule.name)
        if rule.features.life is not None:
            draft.forget(rule.name)
    if result.outcome is Outcome.SUPPRESSED and result.reason is not None:
        draft.suppress(rule.name, result.reason)
    elif result.outcome is Outcome.NOTIFY:
        draft.notify(with_held(alert, result), possible.send_to, number=result.number)
    elif result.reason is not None and (result.outcome is Outcome.COUNTED or result.reason == LATE):
        draft.leave_out(rule.name, result.reason)
    for feature in rule.features.concluding:
        feature.conclude(draft, alert, chain.steps, result)


def with_held(alert: Alert, result: ChainResult) -> Alert:
    """Return the alert with what was held back of it, and who has acknowledged it."""
    if not result.held_back and len(result.extra) != _HELD_FIELDS:
        return alert
    held = result.extra if len(result.extra) == _HELD_FIELDS else _NOTHING_HELD
    since, because, reminder, by = held
    return msgspec.structs.replace(
        alert,
        held_back=result.held_back,
        since=int(since) / 1000,
        held_because=reasons_of(because),
        reminder=int(reminder),
        acknowledged_by=by.decode(),
    )


def _decide_event(
    draft: DecisionDraft, evaluated: EvaluatedEvent, results: Mapping[str, ChainResult]
) -> None:
    before = draft.suppressed_so_far
    for possible in evaluated.possible:
        if possible.chain is not None:
            conclude(draft, possible, possible.chain, results[possible.chain.id])
        elif possible.suppressed is not None:
            draft.suppress(possible.rule.name, possible.suppressed)
        else:
            draft.notify(possible.alert, possible.send_to)
    if not evaluated.possible:
        draft.count_event("filtered")
    elif draft.suppressed_so_far - before == len(evaluated.possible):
        draft.count_event("suppressed")
    else:
        draft.count_event("matched")


def _matches(
    event: Event, content: dict[str, Any], rules: Sequence[Rule], snapshot: Snapshot
) -> Iterator[PossibleAlert]:
    earlier: dict[StateId, list[AlertId]] = {}  # by the list of first_of
    for rule in sorted(rules, key=_rank) if len(rules) > 1 else rules:
        place = rule.features.first_of
        if place is None:
            yield _match(event, content, rule, snapshot)
            continue
        before = earlier.setdefault(place.state, [])
        possible = _match(event, content, rule, snapshot, tuple(before))
        if before and not place.remembers:
            possible = msgspec.structs.replace(possible, suppressed=FIRST_OF)
        before.append(possible.alert.id)
        yield possible


def _rank(rule: Rule) -> tuple[bool, int]:
    """Return a key by which the rules of an event are sorted, to be decided in this order."""
    place = rule.features.first_of
    return not rule.features.precedes, 0 if place is None else place.position


def _match(
    event: Event,
    content: dict[str, Any],
    rule: Rule,
    snapshot: Snapshot,
    earlier: tuple[AlertId, ...] = (),
) -> PossibleAlert:
    alert = raise_alert(event, content, rule, now=snapshot.now)
    send_to, recipients = rule.send_to, None
    if not send_to:
        recipients = rule.recipients(content, alert.labels, snapshot.now)
        send_to = recipients.destinations
    if not rule.features.remembers:
        suppression = suppression_reason(alert, content, rule, snapshot)
        suppressed = suppression.reason if suppression is not None else None
        if suppressed is None and rule.is_shadow:
            suppressed = SHADOW
        return PossibleAlert(rule, alert, send_to, None, suppressed)
    recipients = recipients or Recipients(send_to)
    facts = alert_facts(alert, content, rule, snapshot, recipients=recipients, event=event.key)
    if earlier:
        facts = msgspec.structs.replace(facts, earlier=earlier)
    chain = make_chain(alert, rule, send_to, plan_steps(rule, facts))
    return PossibleAlert(rule, alert, send_to, chain)


def _ending(
    event: Event, content: dict[str, Any], rule: Rule, feature: Feature, snapshot: Snapshot
) -> PossibleAlert:
    alert = raise_alert(event, content, rule, now=snapshot.now)
    facts = msgspec.structs.replace(
        alert_facts(alert, content, rule, snapshot, event=event.key),
        bound=bound_places(rule, alert),
    )
    chain = Chain(f"{alert.id}-{feature.ending}", (feature.ending_step(facts),))
    return PossibleAlert(rule, alert, (), chain, is_match=False)

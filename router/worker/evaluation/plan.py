"""The steps that an alert takes, made from the features of its rule. Pure."""

from collections.abc import Iterator
from typing import Any

from router.alerts import Alert
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.rules.model import Rule
from router.rules.state.feature import AlertFacts
from router.rules.state.measured import member_text
from router.rules.state.step import Place, Step
from router.rules.state.timer import Timer
from router.timestamps import unix_seconds
from router.worker.evaluation.suppression_reason import Snapshot, suppression_reason


def event_time_ms(time: str, received_at: float, now: float) -> int:
    """Return when an event happened, in Unix ms: its own time, else when it was received.

    An event that claims to come from the future happens now.

    Args:
        time: RFC 3339; ``""`` or anything else counts as no time.
        received_at: Unix seconds.
        now: Unix seconds.
    """
    at = received_at
    if time:
        own = unix_seconds(time)
        if own is not None:
            at = own
    return int(min(at, now) * 1000)


def alert_facts(
    alert: Alert,
    content: dict[str, Any],
    rule: Rule,
    snapshot: Snapshot,
    *,
    send_to: tuple[str, ...] = (),
    event: str = "",
) -> AlertFacts:
    """Return what the steps of an alert are made from.

    Args:
        alert: The alert.
        content: Its event, a whole CloudEvent, as Python values.
        rule: The alert's rule.
        snapshot: What else the steps depend on.
        send_to: Names of destinations.
        event: The key of the event that arrived; ``""`` for a timer.
    """
    at = event_time_ms(alert.event_time, alert.event_received_at, snapshot.now)
    member = ""
    if rule.features.keeps_events:
        member = member_text(alert, at, summary(alert, TemplateTarget.TEXT).text)
    return AlertFacts(
        alert=alert,
        content=content,
        send_to=send_to,
        now=snapshot.now,
        at=at,
        tolerance=snapshot.tolerance_ms,
        member=member,
        event=event,
        is_shadow=rule.is_shadow,
        suppressed=suppression_reason(alert, content, rule, snapshot),
        opened=None if rule.is_shadow else open_place(rule, content),
        resolves_when_back=rule.features.resolves_when_back,
        bound=bound_places(rule, alert) if rule.features.resolves_when_back else (),
    )


def plan_steps(
    rule: Rule, facts: AlertFacts, *, after: type[Timer] | None = None
) -> Iterator[Step]:
    """Yield the steps of an alert, in order.

    ``after`` is the timer that raises the alert: those features are left out that come before the
    one that sets such a timer, and that feature itself.
    """
    features = rule.features.met
    if after is not None:
        setters = [place for place, feature in enumerate(features) if feature.timer is after]
        if not setters:
            return
        features = features[setters[0] + 1 :]
    for feature in features:
        yield from feature.steps(facts)
        if feature.is_last:
            return
    for feature in rule.features.following:
        yield from feature.follow_ups(facts)


def open_place(rule: Rule, content: dict[str, Any]) -> Place | None:
    """Return where the rule's alert about this event is open; None if it cannot be resolved."""
    for feature in rule.features.opening:
        place = feature.opens(content)
        if place is not None:
            return place
    return None


def bound_places(rule: Rule, alert: Alert) -> tuple[Place, ...]:
    """Return the places that lose their meaning when the alert is resolved."""
    places = (feature.binds(alert) for feature in rule.features.all)
    return tuple(place for place in places if place is not None)

"""The steps that an alert takes, made from the features of its rule. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from router.alerts import Alert
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.rules.model import Rule
from router.rules.routing import Recipients
from router.rules.state.feature import AlertFacts
from router.rules.state.measured import member_text
from router.rules.state.step import Place, Step
from router.rules.state.timer import Timer
from router.timestamps import unix_seconds
from router.worker.evaluation.suppression_reason import Snapshot, suppressions

_NO_RECIPIENTS: Final = Recipients(())


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
    recipients: Recipients = _NO_RECIPIENTS,
    event: str = "",
) -> AlertFacts:
    """Return what the steps of an alert are made from.

    Args:
        alert: The alert.
        content: Its event, a whole CloudEvent, as Python values.
        rule: The alert's rule.
        snapshot: What else the steps depend on.
        recipients: The destinations of the alert.
        event: The key of the event that arrived; ``""`` for a timer.
    """
    life = rule.features.life
    at = event_time_ms(alert.event_time, alert.event_received_at, snapshot.now)
    member = ""
    if rule.features.keeps_events:
        member = member_text(alert, at, summary(alert, TemplateTarget.TEXT).text)
    return AlertFacts(
        alert=alert,
        content=content,
        send_to=recipients.destinations,
        later=int(min((begins for _, begins in recipients.later), default=0.0) * 1000),
        now=snapshot.now,
        at=at,
        tolerance_ms=snapshot.tolerance_ms,
        member=member,
        event=event,
        is_shadow=rule.is_shadow,
        suppressed=(() if rule.features.groups else suppressions(alert, content, rule, snapshot)),
        is_asked_later=rule.features.groups,
        can_end=rule.features.can_end,
        resolves_when_back=rule.features.resolves_when_back,
        remind_ms=life.remind_ms if life is not None else 0,
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


def bound_places(rule: Rule, alert: Alert) -> tuple[Place, ...]:
    """Return the places that lose their meaning when the alert is resolved."""
    places = (feature.binds(alert) for feature in rule.features.all)
    return tuple(place for place in places if place is not None)

"""The message of a group: one alert that represents all of them."""

import msgspec

from router.alerts import Alert, Member, most_severe
from router.rules.state.timer import TimerContext
from router.tracing.contexts import recorded


def group_message(alerts: list[Alert], count: int, context: TimerContext) -> Alert:
    """Return one alert for all of a group: the first one, with the others as its members.

    It is as severe as the most severe of them.
    """
    members = tuple(
        Member(
            id=alert.id,
            event_id=alert.event_id,
            raised_at=alert.raised_at,
            summary=context.summary(alert),
            trace=recorded(alert.trace),
        )
        for alert in alerts[1:]
    )
    since = min((alert.since for alert in alerts if alert.since), default=0.0)
    return msgspec.structs.replace(
        alerts[0],
        raised_at=context.now if since else alerts[0].raised_at,
        severity=most_severe(alert.severity for alert in alerts),
        members=members or alerts[0].members,
        grouped=count,
        held_back=sum(alert.held_back for alert in alerts),
        since=since,
        held_because=tuple(dict.fromkeys(why for alert in alerts for why in alert.held_because)),
    )

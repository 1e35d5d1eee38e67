"""Rules as the API, the commands and the console show them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.api.views import Time
from router.destinations.rendering.summary import rfc3339
from router.rules.model import Mode, Rule
from router.rules.severity_by_value import SeverityByValue, possible_severities

PLOT_MINUTES: Final = 60
"""Points of the plot of a rule in a list."""
RATE_MINUTES: Final = 10
"""Minutes over which a rate is measured."""


class RuleActivity(msgspec.Struct, frozen=True):
    """Counts of a rule in the latest minutes, the oldest first; the last one is still counted."""

    matches: Sequence[int]
    errors: Sequence[int]
    notified: Sequence[int]
    suppressed: Sequence[int]
    last_match_at: float | None = None
    """Unix seconds; None if there was none in the last eight days."""
    last_alert_at: float | None = None


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in a list."""

    name: str
    description: str
    mode: Annotated[Mode, Meta(description="`shadow`: counted, and no destination is notified.")]
    severity: Annotated[str, Meta(description="A severity, or the expression that selects one.")]
    severities: Annotated[tuple[str, ...], Meta(description="Those that its alerts can have.")]
    events: tuple[str, ...]
    condition: Annotated[str, Meta(description="CEL; empty if each event of its types matches.")]
    destinations: Annotated[
        tuple[str, ...], Meta(description="Destinations that its alerts can have.")
    ]
    features: Annotated[
        tuple[str, ...], Meta(description="Its keys beside the condition, such as `cooldown`.")
    ]
    file: str
    line: int
    matches_per_minute: Annotated[float, Meta(description=f"Over {RATE_MINUTES} minutes.")]
    errors_per_minute: Annotated[
        float, Meta(description="Events for which the condition had no value, over ten minutes.")
    ]
    matches: Annotated[
        list[int],
        Meta(description="Matches in each of the last 60 minutes, the oldest first."),
    ]
    errors_last_hour: int
    notified_last_hour: int
    suppressed_last_hour: Annotated[
        int, Meta(description="Alerts that were suppressed; of a rule in shadow, its results.")
    ]
    last_match_at: Annotated[
        Time | None, Meta(description="Up to five seconds late; null if more than 8 days ago.")
    ]
    last_alert_at: Annotated[
        Time | None,
        Meta(description="Last notification; null if there was none in the last 8 days."),
    ]


class RuleHours(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the last 24 hours and of the one that is still counted, the oldest first."""

    matches: list[int]
    errors: list[int]
    notified: list[int]
    suppressed: dict[str, list[int]]
    """By reason; of a rule in shadow, its results are those of ``shadow``."""


class RuleDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One rule with its text and its last day."""

    rule: RuleView
    text: Annotated[str, Meta(description="Its YAML, without the defaults of its file.")]
    hours: RuleHours


def rule_view(rule: Rule, activity: RuleActivity) -> RuleView:
    """Return a rule as a list shows it."""
    severity = rule.severity
    complete = activity.matches[:-1]
    return RuleView(
        name=rule.name,
        description=rule.description,
        mode=rule.mode,
        severity=severity.text if isinstance(severity, SeverityByValue) else severity,
        severities=tuple(sorted(possible_severities(severity))),
        events=rule.events,
        condition=rule.condition.source if rule.condition is not None else "",
        destinations=rule.destinations,
        features=tuple(feature.key for feature in rule.features.all if feature.key),
        file=rule.written.file,
        line=rule.written.line,
        matches_per_minute=_rate(activity.matches),
        errors_per_minute=_rate(activity.errors),
        matches=list(complete[-PLOT_MINUTES:]),
        errors_last_hour=_last_hour(activity.errors),
        notified_last_hour=_last_hour(activity.notified),
        suppressed_last_hour=_last_hour(activity.suppressed),
        last_match_at=_time(activity.last_match_at),
        last_alert_at=_time(activity.last_alert_at),
    )


def details_of(
    rule: Rule,
    activity: RuleActivity,
    hours: Sequence[list[int]],
    suppressed: Mapping[str, list[int]],
) -> RuleDetails:
    """Return a rule with its last day.

    Args:
        rule: The rule.
        activity: What it has done lately.
        hours: Its matches, errors and notifications by hours, and all that was suppressed.
        suppressed: Its suppressed alerts by hours, for each reason that there is.
    """
    matches, errors, notified, _ = hours
    return RuleDetails(
        rule=rule_view(rule, activity),
        text=rule.written.text,
        hours=RuleHours(
            matches=matches,
            errors=errors,
            notified=notified,
            suppressed={reason: counts for reason, counts in suppressed.items() if any(counts)},
        ),
    )


def _rate(counts: Sequence[int]) -> float:
    return round(sum(counts[-RATE_MINUTES - 1 : -1]) / RATE_MINUTES, 3)


def _last_hour(counts: Sequence[int]) -> int:
    """Return a sum of the last hour: 59 complete minutes and the one that is still counted."""
    return sum(counts[-60:])


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)

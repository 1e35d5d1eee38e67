"""The message that one destination would receive from one rule: for ``router preview``. Sends nothing."""

import enum
import html
from pathlib import Path
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, Preview, delivery_id
from router.configuration.model import Configuration
from router.destinations.contract import Destination
from router.errors import ConfigurationError
from router.events.model import Event, document
from router.rules.model import Rule
from router.rules.routing import DutyState
from router.suggestions import closest_match
from router.worker.evaluation.fan_out import raise_alert

_BEGAN_BEFORE: Final = 3 * 3600.0
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
    '<body style="font:14px/20px ui-monospace,monospace;white-space:pre-wrap;margin:24px">'
    "{text}\n</html>\n"
)


def find_rule(configuration: Configuration, name: str) -> Rule:
    """Return the rule of that name.

    Raises ConfigurationError, which names similar rules.
    """
    names = [rule.name for rule in configuration.rules.rules]
    for rule in configuration.rules.rules:
        if rule.name == name:
            return rule
    near = closest_match(name, names)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(names)) or 'none'}"
    raise ConfigurationError(f"there is no rule {name!r}, {hint}")


def sample_delivery(rule: Rule, event: Event, destination: str, *, now: float) -> Delivery:
    """Return what ``rule`` would send about ``event``, whether or not it matches.

    A rule that measures has the figures of its threshold.

    Args:
        rule: The rule.
        event: The event.
        destination: The name of the destination.
        now: Unix time in seconds.
    """
    alert = rule.features.at_threshold(raise_alert(event, document(event), rule, now=now))
    return Delivery(id=delivery_id(alert.id, destination), destination=destination, alert=alert)


def duty_states(rule: Rule, event: Event, destination: str, *, now: float) -> list[DutyState]:
    """Return whether the destination is on duty, if it is at some times alone; see ``sample_delivery``."""
    content = document(event)
    labels = raise_alert(event, content, rule, now=now).labels
    states = rule.duty_states(content, labels, now)
    return [each for each in states if each.destination == destination]


class PreviewMoment(enum.StrEnum):
    """A moment in the life of an alert at which a message is sent."""

    BEGINNING = "beginning"
    LATE = "late"
    """The end of what suppressed it."""
    REMINDER = "reminder"
    RESOLVED = "resolved"


def at_moment(delivery: Delivery, moment: PreviewMoment) -> Delivery:
    """Return the same delivery for a moment of its alert's life, which began three hours before."""
    changes: dict[PreviewMoment, dict[str, Any]] = {
        PreviewMoment.BEGINNING: {},
        PreviewMoment.LATE: {"held_because": ("muted",), "held_back": 3},
        PreviewMoment.REMINDER: {"reminder": 1},
        PreviewMoment.RESOLVED: {"status": AlertStatus.RESOLVED},
    }
    if moment is PreviewMoment.BEGINNING:
        return delivery
    alert: Alert = msgspec.structs.replace(
        delivery.alert, since=delivery.alert.raised_at - _BEGAN_BEFORE, **changes[moment]
    )
    return msgspec.structs.replace(delivery, alert=alert)


def as_page(preview: Preview, title: str) -> str:
    """Return a preview as an HTML page: as its reader sees it if the kind has such a form, else text."""
    if preview.html:
        return preview.html
    body = preview.body
    if "json" in preview.content_type:
        body = msgspec.json.format(body, indent=2)
    headers = "\n".join(f"{name}: {value}" for name, value in preview.headers)
    return _PAGE.format(title=html.escape(title), text=html.escape(f"{headers}\n\n{body}"))


def write_page(path: Path, preview: Preview, destination: Destination) -> None:
    """Write a preview as an HTML page. Raises ConfigurationError if the file cannot be written."""
    try:
        path.write_text(as_page(preview, f"Preview of {destination.name}"), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None

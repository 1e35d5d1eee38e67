"""The details of an alert for an incident service: named texts, all plain (pure)."""

from collections.abc import Mapping
from typing import Any, Final

from router.alerts import Delivery
from router.destinations.rendering.notes import members, notes
from router.destinations.rendering.summary import facts
from router.destinations.rendering.text import one_line

_DESCRIPTION_LIMIT: Final = 2000
_LABEL_LIMIT: Final = 200
_LABELS_LIMIT: Final = 20


def details(delivery: Delivery, event: Mapping[str, Any]) -> dict[str, str]:
    """Return the named texts, the most important first; below 16,000 characters in all.

    Args:
        delivery: The delivery.
        event: The alert's event, decoded.
    """
    alert = delivery.alert
    named = {fact.label: fact.value for fact in facts(alert, event)}
    found = {
        "Notes": " ".join(notes(alert)),
        "Description": one_line(alert.description, _DESCRIPTION_LIMIT),
        **named,
        "Also": "; ".join(members(alert)),
        "Alert": alert.id,
        "Delivery": delivery.id,
    }
    return {name: text for name, text in found.items() if text}


def labels(delivery: Delivery) -> list[str]:
    """Return the alert's labels as ``name=value``, at most 20."""
    found = sorted(delivery.alert.labels.items())[:_LABELS_LIMIT]
    return [one_line(f"{name}={value}", _LABEL_LIMIT) for name, value in found]

"""The content of a message about an alert: its summary line and the facts below it (pure).

No alert is lost to a template. If a template fails, the plain form is sent, which needs none, and
the operator gets the reason.
"""

import functools
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from router.alerts import Alert, Severity
from router.destinations.rendering.event_facts import (
    FACT_LIMIT,
    VALUES,
    Fact,
    event_facts,
    subject_facts,
    values_read,
)
from router.destinations.rendering.templates import ESCAPES, TemplateTarget, is_constant, render
from router.destinations.rendering.text import cut, one_line
from router.events.model import Event, document

SUMMARY_LIMIT: Final = 500
"""Characters of a summary."""
FACTS_LIMIT: Final = 24
"""Facts of one message."""
GENERAL_LABELS: Final = (
    "Rule",
    "Severity",
    "Labels",
    VALUES,
    "Event",
    "Event time",
    "Source",
    "Event id",
)
"""The labels of the facts that messages about all events have."""
COLOURS: Final[Mapping[Severity, str]] = {
    Severity.INFO: "#2563eb",
    Severity.WARNING: "#d97706",
    Severity.CRITICAL: "#dc2626",
}

_UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Summary(msgspec.Struct, frozen=True):
    """The summary line of an alert."""

    text: str
    """One line, escaped for its target."""
    error: str = ""
    """Why the template failed and ``text`` is the plain form; ``""`` if it did not."""


def decode(alert: Alert) -> dict[str, Any]:
    """Return the alert's CloudEvent as Python values.

    If it cannot be decoded, the attributes that the alert itself records are returned.
    """
    event = Event(
        alert.event_id,
        alert.event_source,
        alert.event_type,
        alert.event_time,
        "",
        alert.event_received_at,
        alert.event,
    )
    try:
        return document(event)
    except _UNDECODABLE:
        return {"id": event.id, "source": event.source, "type": event.type}


def summary(
    alert: Alert, target: TemplateTarget, event: Mapping[str, Any] | None = None
) -> Summary:
    """Return the alert's summary. Never raises.

    Args:
        alert: The alert.
        target: How event values are escaped.
        event: ``decode(alert)`` if the caller has it. Otherwise it is decoded here, if the template
            needs it.
    """
    if not alert.summary:
        return Summary(plain_summary(alert, target, event))
    if is_constant(alert.summary):
        return Summary(one_line(alert.summary, SUMMARY_LIMIT))
    event = decode(alert) if event is None else event
    try:
        text = one_line(render(alert.summary, _variables(alert, event), target), SUMMARY_LIMIT)
    except Exception as error:  # noqa: BLE001 - an expression may raise anything
        reason = one_line(f"{type(error).__name__}: {error}", FACT_LIMIT)
        return Summary(
            plain_summary(alert, target, event),
            f"rule {alert.rule}: the summary of event {alert.event_id} failed, {reason}",
        )
    return Summary(text) if text else Summary(plain_summary(alert, target, event))


def template_variables(alert: Alert, event: Mapping[str, Any], summary_text: str) -> dict[str, Any]:
    """Return the variables of a destination's templates: a summary's, and ``alert.summary``."""
    found = _variables(alert, event)
    return {**found, "alert": {**_described(alert), "summary": summary_text}}


def plain_summary(
    alert: Alert, target: TemplateTarget, event: Mapping[str, Any] | None = None
) -> str:
    """Return ``<rule>: <event type> (conference CF…, account AC…)``, which needs no template.

    It has no telephone number and no other party, masked or not.
    """
    event = decode(alert) if event is None else event
    named = subject_facts(event, alert.event_type, whole_numbers=alert.whole_numbers)
    subjects = ", ".join(f"{fact.label.lower()} {fact.value}" for fact in named)
    text = f"{alert.rule}: {alert.event_type}" + (f" ({subjects})" if subjects else "")
    return cut(ESCAPES[target](one_line(text, SUMMARY_LIMIT)), SUMMARY_LIMIT)


def facts(alert: Alert, event: Mapping[str, Any]) -> list[Fact]:
    """Return the facts that a reader needs, the most important first, at most FACTS_LIMIT.

    Those of the rule's ``fields`` replace others of the same label, or take them away.
    """
    shown = event_facts(event, alert.event_type, whole_numbers=alert.whole_numbers)
    read = values_read(event, alert.reads, shown.fields, whole_numbers=alert.whole_numbers)
    labels = ", ".join(f"{name}={label}" for name, label in sorted(alert.labels.items()))
    found = [
        Fact("Rule", alert.rule),
        Fact("Severity", str(alert.severity)),
        *([Fact("Labels", labels)] if labels else []),
        *shown.facts,
        *read,
    ]
    envelope = [
        Fact("Event", alert.event_type),
        Fact("Event time", alert.event_time or rfc3339(alert.event_received_at)),
        Fact("Source", alert.event_source),
        Fact("Event id", alert.event_id),
    ]
    every = _with_fields(found, envelope, alert.fields)
    return [Fact(fact.label, one_line(fact.value, FACT_LIMIT)) for fact in every][:FACTS_LIMIT]


def _with_fields(found: list[Fact], envelope: list[Fact], fields: Mapping[str, Any]) -> list[Fact]:
    """Return all facts; those that a rule adds stand before those of the envelope."""
    if not fields:
        return [*found, *envelope]
    own = {name.lower(): Fact(name, field_value_text(value)) for name, value in fields.items()}
    before, after = (
        [own.pop(each.label.lower(), each) for each in some] for some in (found, envelope)
    )
    return [fact for fact in (*before, *own.values(), *after) if fact.value]


def field_value_text(value: Any) -> str:
    """Return the value of one of a rule's ``fields``: text unchanged, all else as in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_FIRST_TIME: Final = -62_135_596_800.0
"""The beginning of the year 1."""
_LAST_TIME: Final = 253_402_300_799.0
"""The last second of the year 9999."""


@functools.lru_cache(maxsize=256)  # because all alerts of a batch have the same time
def rfc3339(unix_time: float) -> str:
    """Return Unix time (seconds) as RFC 3339 in UTC, to the millisecond.

    A time that no calendar has, which only a damaged record contains, is shown as the nearest one.
    """
    within = min(max(unix_time, _FIRST_TIME), _LAST_TIME) if not math.isnan(unix_time) else 0.0
    text = datetime.fromtimestamp(within, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _variables(alert: Alert, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a summary. The rule's own names do not shadow the built-in ones."""
    found = {**alert.values, "event": event, "data": event.get("data")}
    return {**found, "alert": _described(alert)} if "alert" in alert.summary else found


def _described(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "severity": str(alert.severity),
        "description": alert.description,
        "raised_at": rfc3339(alert.raised_at),
        "status": str(alert.status),
        "key": alert.key,
        "labels": alert.labels,
        "values": alert.values,
        "fields": alert.fields,
        "count": alert.count,
        "held_back": alert.held_back,
        "grouped": alert.grouped,
        "members": [
            {
                "id": member.id,
                "event_id": member.event_id,
                "raised_at": rfc3339(member.raised_at),
                "summary": member.summary,
            }
            for member in alert.members
        ],
        "escalation": alert.escalation,
        "acknowledged_by": alert.acknowledged_by,
        "since": rfc3339(alert.since) if alert.since else "",
        "held_because": list(alert.held_because),
        "reminder": alert.reminder,
        "measure": None if alert.measure is None else msgspec.structs.asdict(alert.measure),
    }

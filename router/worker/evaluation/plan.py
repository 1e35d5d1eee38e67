"""The steps that an alert takes, and what they depend on. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert
from router.events.model import Event
from router.rules.model import Mode, Rule
from router.rules.state.features import digest, values_of
from router.rules.state.steps import (
    DAY_MS,
    AnyStep,
    Cooldown,
    Count,
    Escalate,
    Inhibited,
    Join,
    Mark,
    Open,
    Over,
    Reason,
    Suppress,
    Tell,
)
from router.rules.suppression.silences import Silence, silenced

EARLY_MS: Final = 4 * 3_600_000
"""So long do senders repeat what did not arrive (Twilio does), and so late may an event come."""
_ESCALATION_MS: Final = 7 * DAY_MS
"""How long an escalation is remembered after its last level."""


class Snapshot(msgspec.Struct, frozen=True):
    """What else a decision depends on."""

    now: float
    """Unix time in seconds."""
    silences: Sequence[Silence] = ()


class Addressed(msgspec.Struct, frozen=True, array_like=True):
    """An alert as it is kept for later, with the destinations that it is for."""

    alert: Alert
    send_to: tuple[str, ...]


_encode = msgspec.msgpack.encode
decode_told = msgspec.msgpack.Decoder(Addressed).decode


def event_time_ms(time: str, received_at: float, now: float) -> int:
    """When an event happened, in Unix ms: its own time, else when it was received.

    What claims to come from the future happens now. ``received_at`` and ``now`` are in seconds.
    """
    at = received_at
    if time:
        try:
            own = dt.datetime.fromisoformat(time)
        except ValueError:
            own = None
        if own is not None and own.tzinfo is not None:
            at = own.timestamp()
    return int(min(at, now) * 1000)


def suppression_reason(
    alert: Alert, content: Mapping[str, Any], rule: Rule | None, present: Snapshot
) -> Reason | None:
    """Whether nobody wants to hear of the alert just now, and why."""
    if present.silences and silenced(alert, content, present.silences, present.now):
        return Reason.SILENCED
    if rule is not None and any(each.is_on(present.now) for each in rule.mute_times):
        return Reason.MUTED
    return None


def count_step(
    event: Event, content: dict[str, Any], rule: Rule, present: Snapshot
) -> Iterator[AnyStep]:
    """The step before there is an alert, if the rule counts."""
    if rule.count:
        at = event_time_ms(event.time, event.received_at, present.now)
        key, within = (
            digest(values_of(rule.count.by, content)),
            milliseconds(rule.count.text.within),
        )
        at_least = rule.count.text.at_least
        yield Count(rule.count.state, key, digest((event.key,)), at, within, at_least)


def plan_steps(
    alert: Alert,
    content: dict[str, Any],
    rule: Rule,
    send_to: tuple[str, ...],
    present: Snapshot,
) -> Iterator[AnyStep]:
    """The steps that an alert for ``send_to`` takes from the moment at which there is one."""
    opened = place_of_open(rule, content) if rule.mode is not Mode.SHADOW else None
    at = event_time_ms(alert.event_time, alert.event_received_at, present.now)
    if rule.mode is not Mode.SHADOW:
        yield from _firing(content, rule, opened, at)
    if rule.inhibited_by:
        yield Inhibited(
            tuple(
                (each.state, digest(values_of(each.equal, content))) for each in rule.inhibited_by
            )
        )
    reason = suppression_reason(alert, content, rule, present)
    if reason is not None:
        yield Suppress(reason)
    if rule.cooldown:
        key = digest(values_of(rule.cooldown.by, content))
        yield Cooldown(rule.cooldown.state, key, at, milliseconds(rule.cooldown.text.for_))
    if rule.mode is Mode.SHADOW:
        yield Suppress(Reason.SHADOW)
    elif rule.group:
        # Alerts for different destinations cannot be one message.
        key = digest((*values_of(rule.group.by, content), *send_to))
        yield Join(rule.group.state, key, opened, send_to)
    else:
        yield from _telling(alert, rule, opened, send_to)


def _firing(
    content: dict[str, Any], rule: Rule, opened: tuple[str, str] | None, at: int
) -> Iterator[AnyStep]:
    if rule.resolve and opened:
        # What is overdue is so now: nothing can have ended it before, whatever has come meanwhile.
        if not rule.absent:
            yield Over(*opened, at)
        yield Open(*opened, at, milliseconds(rule.resolve.text.within))
    for each in rule.inhibits:
        key = digest(values_of(each.equal, content))
        yield Mark(each.state, key, milliseconds(each.for_seconds), opened)


def _telling(
    alert: Alert, rule: Rule, opened: tuple[str, str] | None, send_to: tuple[str, ...]
) -> Iterator[AnyStep]:
    if opened:
        yield Tell(*opened, send_to)
    if rule.escalate:
        yield escalate(rule, alert)


def escalate(rule: Rule, alert: Alert) -> Escalate:
    """The step by which telling an alert begins its escalation."""
    lasts = sum(milliseconds(level.after) for level in rule.escalate) + _ESCALATION_MS
    return Escalate(*place_of_escalation(rule, alert), alert.key, alert.id, lasts)


def place_of_escalation(rule: Rule, alert: Alert) -> tuple[str, str]:
    """Where it is kept how far the alerts with this key have escalated."""
    return f"escalate-{digest((rule.name,))}", digest((alert.key,))


def encode_alert(alert: Alert, send_to: tuple[str, ...], rule: Rule) -> bytes:
    """The alert as the store keeps it, where a later step needs it."""
    return _encode(Addressed(alert, send_to)) if rule.resolve or rule.group else b""


def place_of_open(rule: Rule, content: dict[str, Any]) -> tuple[str, str] | None:
    """Where the rule's alert about this event is open; None where none can be resolved."""
    if rule.resolve is None:
        return None
    return rule.resolve.state, digest(values_of(rule.resolve.by, content))


def remembered_ms(rule: Rule) -> int:
    """For how long an event that ends the rule's alerts counts for those that come after it."""
    within = milliseconds(rule.resolve.text.within) if rule.resolve else EARLY_MS
    return min(within, EARLY_MS)


def milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))

"""Alerts, their deliveries, the attempts of a delivery and the outcome of an attempt."""

import enum
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final, NewType

import msgspec

AlertId = NewType("AlertId", str)
DeliveryId = NewType("DeliveryId", str)
AlertKey = NewType("AlertKey", str)

RESPONSE_LIMIT = 1024
"""Characters of a receiver's response that an attempt records."""

DELIVERY_VERSION: Final = 101
"""The form of a delivery in the journal; see ``router.journal.records``."""

HISTORY_LIMIT = 20
"""Failed attempts that a delivery records; older ones are dropped."""


class Severity(enum.StrEnum):
    """How urgent an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


def most_severe(severities: Iterable[Severity]) -> Severity:
    """Return the most severe of one or more."""
    return max(severities, key=tuple(Severity).index)


class AlertStatus(enum.StrEnum):
    """Whether the problem that the alert reports still exists."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    """It exists, and an operator takes care of it. Only messages about alerts have this status."""
    RESOLVED = "resolved"


class Member(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A further alert of the same rule that a grouped alert represents, or an event that was counted."""

    id: AlertId
    event_id: str
    raised_at: float
    """Unix time in seconds."""
    summary: str
    """Rendered, as plain text."""
    trace: str = ""
    """As that of ``Alert``."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The figures of a window of events, as a rule measured them when the alert arose."""

    value: float
    """The share (0.08 for 8 %), the average or other statistic, or how many times as many events."""
    of: int | None = None
    """The events whose share it is; of a spike, those of the window before; else None."""
    total: int
    """The events of the window."""
    text: str
    """The same for a reader: ``41 of 512 in the last 10m, 8.0 %``."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The notification that a match raises.

    It is self-contained: a worker sends it without the rules. It is a msgpack array, because it is
    stored with each delivery, or once for several ones.
    """

    id: AlertId
    """Derived from the event's key and the rule, so that a rerun produces the same id."""
    rule: str
    severity: Severity
    summary: str
    """The rule's Jinja2 template, not rendered; ``""`` selects the default summary."""
    description: str
    """The rule's description, shown verbatim."""
    raised_at: float
    """Unix time in seconds."""
    event_id: str
    event_source: str
    event_type: str
    event_time: str
    """RFC 3339 as the sender wrote it; ``""`` if the event has none."""
    event_received_at: float
    """Unix time in seconds at which ingress received the event."""
    event: bytes
    """The CloudEvent in JSON, byte for byte as received."""
    # New fields are appended with defaults, because the journal may contain older records.
    key: AlertKey = AlertKey("")
    """Shared by alerts about the same subject, which are threaded, acknowledged and resolved
    together. It is the alert's own id if the rule defines no subject, ``""`` in older records."""
    status: AlertStatus = AlertStatus.FIRING
    labels: dict[str, str] = {}
    """The rule's labels, evaluated, for routing and silences."""
    values: dict[str, Any] = {}
    """The values of the rule's ``let`` names, for templates."""
    count: int = 1
    """The number of events that caused it."""
    held_back: int = 0
    """The number of alerts with this key that a cooldown suppressed since the last notified one."""
    members: tuple[Member, ...] = ()
    """Further alerts that this one represents, oldest first; a large group records only some."""
    grouped: int = 1
    """The number of alerts that this one represents, itself included."""
    escalation: int = 0
    """0 for the rule's first recipients, 1 for those of the first escalation, and so on."""
    acknowledged_by: str = ""
    """The name of who acknowledged it, as given; ``""`` if none was, or it is not acknowledged."""
    measure: Measurement | None = None
    """None unless the rule measures."""
    since: float = 0.0
    """Unix time in seconds since which the problem exists, by the events' own time, if it was suppressed
    until now or if this is a reminder or a resolution; 0 if that is not known or not worth showing."""
    held_because: tuple[str, ...] = ()
    """The reasons for which earlier notifications of it were suppressed, such as ``muted``."""
    reminder: int = 0
    """The number of this reminder, from 1; 0 if it is none."""
    reads: tuple[str, ...] = ()
    """The fields that the rule's conditions read, as paths, for the facts of messages."""
    fields: dict[str, Any] = {}
    """The values of the rule's ``fields``, which are facts of messages; None takes a fact away."""
    whole_numbers: bool = False
    """Whether facts of messages have telephone numbers and other parties without a mask."""
    trace: str = ""
    """The context of the span that raised it, as ``TraceContext.text``; ``""`` if there is none."""
    causes: tuple[str, ...] = ()
    """The contexts of further spans that caused this message, such as that of the event that resolved it."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A failed attempt, as recorded for the operator."""

    number: int
    """From 1. The attempt after one that did not count has the same number."""
    at: float
    """Unix time in seconds at which the attempt began."""
    seconds: float
    """The duration of the attempt."""
    reason: str
    status: int | None = None
    response: str = ""
    reached: tuple[str, ...] = ()
    """The recipients that received it although the attempt failed; copied from the outcome."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One alert for one destination.

    ``attempt`` counts from 1, without throttled attempts and refusals for a fault of the destination.
    """

    id: DeliveryId
    destination: str
    alert: Alert
    attempt: int = 1
    failed_attempts: tuple[Attempt, ...] = ()
    """The last HISTORY_LIMIT failed attempts, including those before a replay."""
    replays: int = 0
    """The number of times it was replayed from the dead letters."""
    replay_of: str = ""
    """The id of the original delivery; ``""`` unless this is a replay."""
    version: Annotated[int, msgspec.Meta(lt=200)] = DELIVERY_VERSION


class Delivered(msgspec.Struct, frozen=True):
    """The receiver accepted the delivery."""

    status: int | None = None


class Refused(msgspec.Struct, frozen=True):
    """The receiver rejected the delivery, and would reject it again."""

    reason: str
    status: int | None = None
    response: str = ""
    reached: tuple[str, ...] = ()
    """As in ``Failed``."""
    disables: bool = False
    """True if the receiver says that the address is gone: the destination is disabled and this
    delivery waits with the others."""
    of_delivery: bool = False
    """True if the reason is in this delivery, such as its size: another one may be accepted."""

    @property
    def blames_destination(self) -> bool:
        """Whether every delivery may be refused so, for example because of a wrong token or URL."""
        return not (self.of_delivery or self.disables or self.reached)


class Failed(msgspec.Struct, frozen=True):
    """The attempt failed and may be retried; ``retry_after_seconds`` is the receiver's request."""

    reason: str
    status: int | None = None
    response: str = ""
    retry_after_seconds: float | None = None
    reached: tuple[str, ...] = ()
    """The recipients of a mail that received it although others failed. The next attempt finds them
    in ``failed_attempts`` and skips them."""
    throttled: bool = False
    """True if the receiver asks for fewer requests (HTTP 429): the attempt does not count."""


Outcome = Delivered | Refused | Failed


class Preview(msgspec.Struct, frozen=True):
    """The request that an attempt would send, without secrets, for previews and captures."""

    headers: tuple[tuple[str, str], ...]
    body: str
    content_type: str
    html: str = ""
    """A mail's HTML part, or an HTML rendering of a Slack message; ``""`` for other kinds."""
    text: str = ""
    """The lines that people read; ``""`` for kinds whose ``body`` is what they read."""


def _digest(parts: Sequence[str]) -> str:
    # The separator distinguishes ("ab", "c") from ("a", "bc").
    return blake2b("\x00".join(parts).encode(), digest_size=12).hexdigest()


def alert_id(event_key: str, rule: str) -> AlertId:
    """Return the id of the alert that ``rule`` raises for the event with this key."""
    return AlertId(f"al_{_digest((event_key, rule))}")


def alert_key(rule: str, values: Sequence[str]) -> AlertKey:
    """Return the key of the alerts of ``rule`` about the subject that ``values`` identify."""
    return AlertKey(f"ak_{_digest((rule, *values))}")


TEST_RULE: Final = "test message"
"""In place of a rule's name, which has no space: the alert of a test message."""


def is_test(alert: Alert) -> bool:
    """Return whether an alert is that of a test message, which no rule has raised."""
    return alert.rule == TEST_RULE


def delivery_id(alert: AlertId, destination: str) -> DeliveryId:
    """Return the id that every attempt of a delivery has, so that receivers can drop duplicates."""
    return DeliveryId(f"msg_{_digest((alert, destination))}")


def replayed(delivery: Delivery) -> Delivery:
    """Return the delivery to send for a replayed dead letter: a new id, the same history.

    The new id is derived from the old one, so that two operators that replay the same dead letter
    create one delivery.
    """
    original = delivery.replay_of or delivery.id
    times = delivery.replays + 1
    return msgspec.structs.replace(
        delivery,
        id=DeliveryId(f"msg_{_digest((original, 'replay', str(times)))}"),
        attempt=1,
        replays=times,
        replay_of=original,
    )


def uncounted_attempts(delivery: Delivery) -> int:
    """Return how many recorded attempts in a row have the number of the next one.

    These did not count: they were throttled, or refused for a fault of the destination.
    """
    count = 0
    for past in reversed(delivery.failed_attempts):
        if past.number != delivery.attempt:
            break
        count += 1
    return count


def after_attempt(delivery: Delivery, attempt: Attempt) -> Delivery:
    """Return the delivery with one more failed attempt in its history.

    The recipients that the dropped attempts reached move to the oldest attempt in the history.
    """
    history = (*delivery.failed_attempts, attempt)
    dropped = history[:-HISTORY_LIMIT]
    if dropped:
        reached = {address: None for past in dropped for address in past.reached}
        first, *rest = history[-HISTORY_LIMIT:]
        both = tuple({**reached, **dict.fromkeys(first.reached)})
        history = (msgspec.structs.replace(first, reached=both), *rest)
    return msgspec.structs.replace(delivery, failed_attempts=history)

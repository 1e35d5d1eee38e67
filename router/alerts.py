"""What goes out: an alert, its deliveries, the attempts at one and how an attempt ended."""

import enum
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NewType

import msgspec

AlertId = NewType("AlertId", str)
DeliveryId = NewType("DeliveryId", str)
AlertKey = NewType("AlertKey", str)

RESPONSE_LIMIT = 1024
"""Characters of a receiver's answer that an attempt keeps."""


HISTORY_LIMIT = 100
"""Failed attempts that a delivery carries along."""


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertStatus(enum.StrEnum):
    """Whether what the alert is about is still so."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Member(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One more alert of the same rule that a grouped alert stands for."""

    id: AlertId
    event_id: str
    raised_at: float
    """Unix time in seconds."""
    summary: str
    """Already rendered, as plain text."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a match raises. Self-contained: whoever sends it needs no rule set.

    It is encoded once and stored for each destination, so it is a msgpack array.
    """

    id: AlertId
    """Derived from the event's identity and the rule: a rerun gives the same alert."""
    rule: str
    severity: Severity
    summary: str
    """Jinja2 template from the rule, not yet rendered; ``""`` means the plain form."""
    description: str
    """The rule's own description, shown as it stands."""
    raised_at: float
    """Unix time in seconds."""
    event_id: str
    event_source: str
    event_type: str
    event_time: str
    """RFC 3339 as the sender wrote it; ``""`` where the event has none."""
    event_received_at: float
    """Unix time in seconds at which ingress had the event."""
    event: bytes
    """The CloudEvent in JSON, byte for byte as it came in."""
    # Fields that came later stand at the end, with defaults: the journal may hold older records.
    key: AlertKey = AlertKey("")
    """What alerts about the same thing have in common, by which they are threaded, acknowledged
    and resolved; the alert's own id where it stands alone, ``""`` in older records."""
    status: AlertStatus = AlertStatus.FIRING
    labels: dict[str, str] = {}
    """The rule's own, for routing and silences."""
    values: dict[str, Any] = {}
    """What the rule's ``let`` names stood for, for templates."""
    count: int = 1
    """How many events brought it about."""
    held_back: int = 0
    """How many alerts of this key a cooldown held back since the last one that was told."""
    members: tuple[Member, ...] = ()
    """Further alerts that this one stands for, oldest first; a group may hold more than are kept."""
    grouped: int = 1
    """How many alerts this one stands for, itself included."""
    escalation: int = 0
    """0 for those whom the rule tells first, 1 for those told when nobody acknowledged, and so on."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One try that did not deliver, as it is kept for the operator."""

    number: int
    at: float
    """Unix time in seconds at which the attempt began."""
    seconds: float
    reason: str
    status: int | None = None
    response: str = ""
    reached: tuple[str, ...] = ()
    """Copied from the outcome: who has it although the attempt failed."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One alert to one destination. ``attempt`` counts from 1."""

    id: DeliveryId
    destination: str
    alert: Alert
    attempt: int = 1
    failed_attempts: tuple[Attempt, ...] = ()
    """At most HISTORY_LIMIT, the last ones, those before a replay included."""
    replays: int = 0
    """How often it was replayed out of the dead letters."""
    replay_of: str = ""
    """The id that it had at first; ``""`` unless it is a replay."""


class Delivered(msgspec.Struct, frozen=True):
    """The receiver has it."""

    status: int | None = None


class Refused(msgspec.Struct, frozen=True):
    """The receiver will never take it: trying again cannot help."""

    reason: str
    status: int | None = None
    response: str = ""
    reached: tuple[str, ...] = ()
    """As in ``Failed``."""
    disables: bool = False
    """It is not about this delivery: the receiver says that the address is gone for good, so the
    destination takes nothing more and this delivery waits with the others."""


class Failed(msgspec.Struct, frozen=True):
    """It did not work this time; ``retry_after_seconds`` is the receiver's own wish."""

    reason: str
    status: int | None = None
    response: str = ""
    retry_after_seconds: float | None = None
    reached: tuple[str, ...] = ()
    """Where a destination is several (the recipients of a mail): those who have it all the same,
    so that the next attempt, which finds them in ``failed_attempts``, leaves them out."""


Outcome = Delivered | Refused | Failed


class Preview(msgspec.Struct, frozen=True):
    """What an attempt would send, for people and for the capture kind. Holds no secret."""

    headers: tuple[tuple[str, str], ...]
    body: str
    content_type: str
    html: str = ""
    """As its reader sees it: a mail's HTML part, a Slack message as a page; ``""`` for neither."""


def _digest(parts: Sequence[str]) -> str:
    # The separator keeps ("ab", "c") and ("a", "bc") apart.
    return blake2b("\x00".join(parts).encode(), digest_size=12).hexdigest()


def alert_id(event_key: str, rule: str) -> AlertId:
    """The id of the alert that ``rule`` raises for the event with this key."""
    return AlertId(f"al_{_digest((event_key, rule))}")


def alert_key(rule: str, values: Sequence[str]) -> AlertKey:
    """The key of the alerts of ``rule`` about the thing that ``values`` name."""
    return AlertKey(f"ak_{_digest((rule, *values))}")


def delivery_id(alert: AlertId, destination: str) -> DeliveryId:
    """The id that every attempt of this delivery carries, so that receivers can drop repeats."""
    return DeliveryId(f"msg_{_digest((alert, destination))}")


def replayed(delivery: Delivery) -> Delivery:
    """The delivery as it is sent again by hand: a new id, all attempts before it, its history.

    The id follows from the old one: two who replay the same dead letter mean the same delivery.
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


def after_attempt(delivery: Delivery, attempt: Attempt) -> Delivery:
    """The delivery with one more failed attempt in its history.

    Whom the oldest attempts reached is kept when they themselves are dropped.
    """
    history = (*delivery.failed_attempts, attempt)
    dropped = history[:-HISTORY_LIMIT]
    if dropped:
        reached = {address: None for past in dropped for address in past.reached}
        first, *rest = history[-HISTORY_LIMIT:]
        both = tuple({**reached, **dict.fromkeys(first.reached)})
        history = (msgspec.structs.replace(first, reached=both), *rest)
    return msgspec.structs.replace(delivery, failed_attempts=history)

"""The keys of a rule that remember: as they are written, and as they are kept.

A feature's state is kept under its rule's name and a digest of what the feature says, so that
another threshold begins anew and another description does not.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final, Generic, NewType, TypeVar

import msgspec

from router.cel import ERROR, Condition, Expression, as_json
from router.datatypes import Duration

StateId = NewType("StateId", str)
"""One feature of one rule, as it is written now."""

BY_LIMIT: Final = 20
"""Expressions in one ``by``."""
COUNT_LIMIT: Final = 10_000
LEVELS_LIMIT: Final = 10
"""Levels of an ``escalate``."""
LONGEST: Final = Duration(366 * 86400.0)

By = tuple[Expression, ...]


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


_ByText = Annotated[
    tuple[str, ...], _about("What is told apart: fields or other CEL expressions of the event.")
]


class CountText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell when so many events came within a time."""

    at_least: Annotated[int, _about("How many events.", ge=1, le=COUNT_LIMIT)]
    within: Annotated[Duration, _about("The span in which they must have happened.")]
    by: _ByText = ()

    def __post_init__(self) -> None:
        if not 1 <= self.at_least <= COUNT_LIMIT:
            raise ValueError(f"at_least is {self.at_least}, expected 1 to {COUNT_LIMIT}")
        check_span("within", self.within)


class CooldownText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell once, then be quiet for a time."""

    for_: Annotated[Duration, _about("How long nothing more is told.")] = msgspec.field(name="for")
    by: _ByText = ()

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class GroupText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message for many alerts."""

    by: _ByText = ()
    wait: Annotated[Duration, _about("How long the first alert waits for others.")] = Duration(30)
    interval: Annotated[Duration, _about("How long after a message the next one comes.")] = (
        Duration(300)
    )

    def __post_init__(self) -> None:
        check_span("wait", self.wait)
        check_span("interval", self.interval)


class AbsentText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell when an event of the rule came and another one did not."""

    event: Annotated[str, _about("The type of the other event; a `*` may stand at its end.")]
    when: Annotated[str | None, _about("A condition in CEL on the other event.")] = None
    for_: Annotated[Duration, _about("How long the other event has time to come.")] = msgspec.field(
        name="for"
    )
    by: _ByText = ()

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class ResolveText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ends an alert."""

    events: Annotated[
        tuple[str, ...], _about("Event types, as in the rule's own `events`.", min_length=1)
    ]
    when: Annotated[str | None, _about("A condition in CEL on these events.")] = None
    by: _ByText = ()
    within: Annotated[Duration, _about("For how long an alert can be resolved.")] = Duration(
        7 * 86400
    )

    def __post_init__(self) -> None:
        check_span("within", self.within)


class EscalateText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who else is told when nobody acknowledges."""

    after: Annotated[Duration, _about("How long after the level before, or the alert.")]
    send_to: Annotated[tuple[str, ...], _about("Names of destinations.", min_length=1)]

    def __post_init__(self) -> None:
        check_span("after", self.after)


Written = TypeVar("Written", bound=msgspec.Struct)


class Feature(msgspec.Struct, Generic[Written], frozen=True):
    """A feature as it is judged by."""

    text: Written
    by: By
    state: StateId
    condition: Condition | None = None
    """Of the feature's own events, where it has some; None holds for each."""


def check_span(name: str, span: Duration) -> None:
    """Raise ValueError unless ``span`` is a time that can be waited for."""
    if not 0 < span <= LONGEST:
        raise ValueError(f"{name} must be longer than 0s and at most 366d")


def state_id(rule: str, kind: str, text: msgspec.Struct) -> StateId:
    """The name of what ``rule`` keeps for a feature of this ``kind`` and wording."""
    said = msgspec.json.encode((rule, kind, text), enc_hook=str)
    return StateId(blake2b(said, digest_size=8).hexdigest())


def values_of(by: By, event: dict[str, Any]) -> tuple[str, ...]:
    """The values of ``by`` for an event, as JSON; what has none counts as null.

    5 and 5.0 are the same value, as in CEL.
    """
    return tuple(_as_json(expression.value(event)) for expression in by)


def digest(values: Sequence[str]) -> str:
    """What stands for the values in a key: no text of an event does."""
    return blake2b("\x00".join(values).encode(), digest_size=12).hexdigest()


def _as_json(value: Any) -> str:
    try:
        value = as_json(value)
        if value is ERROR:
            return "null"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return msgspec.json.encode(value, order="deterministic").decode()
    except (RecursionError, ValueError, TypeError, UnicodeError):
        return "null"  # no JSON: nothing that a sender can have meant

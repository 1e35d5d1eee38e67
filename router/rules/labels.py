"""What a rule gives names to: ``let`` for parts of its expressions, ``labels`` for its alerts."""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.cel import ERROR, Expression, as_json

LABEL_LIMIT: Final = 256
"""Characters of a label's value; the rest is cut."""
VALUE_LIMIT: Final = 8192
"""Bytes of a name's value; one that is larger is left out of the alert."""


class Naming(msgspec.Struct, frozen=True):
    """The names of one rule."""

    lets: Mapping[str, Expression] = {}
    labels: Mapping[str, str | Expression] = {}

    @property
    def constant_labels(self) -> dict[str, str]:
        return {name: each for name, each in self.labels.items() if isinstance(each, str)}

    @property
    def varying_labels(self) -> frozenset[str]:
        """Those that depend on the event."""
        return frozenset(self.labels).difference(self.constant_labels)

    def labels_of(self, event: dict[str, Any]) -> dict[str, str]:
        """The labels of an alert for this CloudEvent. One that has no value is not among them."""
        found = {}
        for name, each in self.labels.items():
            text = each if isinstance(each, str) else _text(_value(each, event))
            if text:
                found[name] = text[:LABEL_LIMIT]
        return found

    def values_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the ``let`` names stand for, in JSON's types. One without a value is not among them."""
        found = {}
        for name, expression in self.lets.items():
            value = _value(expression, event)
            if value is not ERROR and _size(value) <= VALUE_LIMIT:
                found[name] = value
        return found


NO_NAMING: Final = Naming()


def _value(expression: Expression, event: dict[str, Any]) -> Any:
    """Its value in JSON's types, or ERROR."""
    try:
        return as_json(expression.value(event))
    except RecursionError:
        return ERROR


def _size(value: Any) -> float:
    """How many bytes the journal needs for a value; without end for what it cannot hold."""
    try:
        return len(msgspec.msgpack.encode(value))
    except (ValueError, OverflowError, RecursionError):
        return math.inf


def _text(value: Any) -> str:
    """A value as a label: text as it is, numbers and truth values as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):  # bool is one of them
        return msgspec.json.encode(value).decode()
    return ""

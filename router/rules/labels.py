"""Names that a rule defines: ``let`` for expressions, ``labels`` for its alerts, ``fields`` for messages."""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.cel import ERROR, Expression, as_json

LABEL_LIMIT: Final = 256
"""Characters of a label's value; longer values are cut."""
VALUE_LIMIT: Final = 8192
"""Bytes of a name's value; larger values are left out of the alert."""


class Naming(msgspec.Struct, frozen=True):
    """The names that one rule defines."""

    lets: Mapping[str, Expression] = {}
    labels: Mapping[str, str | Expression] = {}
    fields: Mapping[str, Expression | None] = {}
    """Facts of messages; None takes one away."""

    @property
    def constant_labels(self) -> dict[str, str]:
        """Labels that are the same for all alerts of the rule."""
        return {name: each for name, each in self.labels.items() if isinstance(each, str)}

    @property
    def varying_labels(self) -> frozenset[str]:
        """Names of labels that depend on the event."""
        return frozenset(self.labels).difference(self.constant_labels)

    def labels_of(self, event: dict[str, Any]) -> dict[str, str]:
        """Return the labels of an alert for this CloudEvent, without those that have no value."""
        found = {}
        for name, each in self.labels.items():
            text = each if isinstance(each, str) else label_text(_value(each, event))
            if text:
                found[name] = text[:LABEL_LIMIT]
        return found

    def values_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the ``let`` names in JSON's types, without those that have no value."""
        found = {}
        for name, expression in self.lets.items():
            value = _value(expression, event)
            if value is not ERROR and _size(value) <= VALUE_LIMIT:
                found[name] = value
        return found

    def fields_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the values of ``fields`` in JSON's types, without those that have no value.

        The value is None for a fact that is taken away, and for no other.
        """
        found = {}
        for name, expression in self.fields.items():
            value = None if expression is None else _value(expression, event)
            has_value = value is not None and value is not ERROR and _size(value) <= VALUE_LIMIT
            if expression is None or has_value:
                found[name] = value
        return found


NO_NAMING: Final = Naming()


def _value(expression: Expression, event: dict[str, Any]) -> Any:
    """Return the value of an expression in JSON's types, or ERROR."""
    try:
        return as_json(expression.value(event))
    except RecursionError:
        return ERROR


def _size(value: Any) -> float:
    """Return how many bytes the journal needs for a value; infinite if it cannot store it."""
    try:
        return len(msgspec.msgpack.encode(value))
    except (ValueError, OverflowError, RecursionError):
        return math.inf


def label_text(value: Any) -> str:
    """Return a value as a label: text unchanged, numbers and bools as in JSON, all else as ``""``."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):  # bool is a subclass of int
        return msgspec.json.encode(value).decode()
    return ""

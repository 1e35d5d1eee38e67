"""What a rule gives names to: ``let`` for parts of its expressions, ``labels`` for its alerts."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.rules.cel import ERROR, Expression

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
            text = each if isinstance(each, str) else _text(each.value(event))
            if text:
                found[name] = text[:LABEL_LIMIT]
        return found

    def values_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the ``let`` names stand for, in JSON's types. One without a value is not among them."""
        found = {}
        for name, expression in self.lets.items():
            value = expression.value(event)
            if value is ERROR:
                continue
            try:
                # Times and durations become text, as they are in JSON.
                plain = msgspec.to_builtins(value, enc_hook=str)
                size = len(msgspec.msgpack.encode(plain))
            except (ValueError, OverflowError, RecursionError):
                continue  # a number, say, that no journal can hold
            if size <= VALUE_LIMIT:
                found[name] = plain
        return found


NO_NAMING: Final = Naming()


def _text(value: Any) -> str:
    """A value as a label: text as it is, numbers and truth values as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):  # bool is one of them
        return msgspec.json.encode(value).decode()
    return ""

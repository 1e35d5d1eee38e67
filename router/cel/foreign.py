"""Functions that CEL does not have, for what senders write into their events.

Each returns ERROR for arguments of other types, and for those that are too large.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.cel import limits
from router.cel.values import CONTAINERS, ERROR, MAPS

_FNV_OFFSET: Final = 14_695_981_039_346_656_037
_FNV_PRIME: Final = 1_099_511_628_211
_64_BITS: Final = 2**64 - 1
_SEPARATOR: Final = b"\xff"
"""A byte that UTF-8 does not have."""


def parse_json(text: Any) -> Any:
    """``parseJson``: the value of a JSON text."""
    if text.__class__ is not str or len(text) > limits.RESULT_SIZE:
        return ERROR
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return ERROR
    is_deep = text.count("[") + text.count("{") > limits.PARSED_DEPTH and _is_deep(value)
    return ERROR if is_deep else value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(limits.PARSED_DEPTH):
        containers = [each for each in level if each.__class__ in CONTAINERS]
        level = [part for each in containers for part in _parts(each)]
        if not level:
            return False
    return any(each.__class__ in CONTAINERS for each in level)


def _parts(container: Any) -> Any:
    return container if container.__class__ is list else container.values()


def fingerprint(labels: Any) -> Any:
    """``fingerprint``: of a label set, FNV-1a with 64 bits in 16 hexadecimal digits.

    A label whose value is empty counts as absent. Source: prometheus/common, ``model/labelset.go``
    and ``model/signature.go``.
    """
    if labels.__class__ not in MAPS or len(labels) > limits.LABELS_SIZE:
        return ERROR
    content = _label_bytes(labels)
    if content is None or len(content) > limits.LABELS_SIZE:
        return ERROR
    digest = _FNV_OFFSET
    for byte in content:
        digest = ((digest ^ byte) * _FNV_PRIME) & _64_BITS
    return f"{digest:016x}"


def _label_bytes(labels: Mapping[Any, Any]) -> bytes | None:
    """Return names and values in the order of the names, a separator after each."""
    if not all(part.__class__ is str for label in labels.items() for part in label):
        return None
    if sum(map(len, labels)) + sum(map(len, labels.values())) > limits.LABELS_SIZE:
        return None
    parts = [part for label in sorted(labels.items()) if label[1] for part in label]
    try:
        return b"".join(part.encode() + _SEPARATOR for part in parts)
    except UnicodeEncodeError:
        return None

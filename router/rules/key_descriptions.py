"""Descriptions of YAML keys, for the JSON Schema that editors use."""

from typing import Any

import msgspec


def about(text: str, **more: Any) -> msgspec.Meta:
    """Describe a key of a YAML file.

    Args:
        text: One sentence.
        **more: Constraints, as ``msgspec.Meta`` takes them.
    """
    return msgspec.Meta(description=text, **more)

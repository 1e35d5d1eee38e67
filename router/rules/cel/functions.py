"""Which functions and macros there are, and how many arguments they take."""

from typing import Final

import msgspec

ROOTS: Final = ("event", "data", "message")
"""What a condition may read. ``message`` is ``event`` in Eventarc's spelling."""


class Signature(msgspec.Struct, frozen=True):
    """How a function is called. ``arguments`` counts the target of a method too."""

    arguments: int
    is_method: bool
    is_global: bool = False


FUNCTIONS: Final = {
    "size": Signature(1, is_method=True, is_global=True),
    "startsWith": Signature(2, is_method=True),
    "endsWith": Signature(2, is_method=True),
    "contains": Signature(2, is_method=True),
    "matches": Signature(2, is_method=True, is_global=True),
    "lowerAscii": Signature(1, is_method=True),
    "upperAscii": Signature(1, is_method=True),
    "trim": Signature(1, is_method=True),
}
MACROS: Final = ("all", "exists", "exists_one", "filter", "map")
"""Macros over a list or map: ``over.all(variable, body)``."""

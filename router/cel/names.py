"""Names that a condition may use in addition to its roots: expressions and JSON values."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from router.cel.functions import ROOTS
from router.cel.lexer import KEYWORDS, RESERVED
from router.cel.tree import Node

_IDENTIFIER: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


class Constant(msgspec.Struct, frozen=True, eq=False):
    """A named JSON value, such as a lookup table. It must not change afterwards.

    Constants compare by identity, because Python has ``True == 1`` in tables too.
    """

    value: Any


class Parsed(Protocol):
    """A named expression. ``Expression`` implements it."""

    source: str
    tree: Node


Names: TypeAlias = Mapping[str, Parsed | Constant]
"""The names that a condition may use, and their meanings."""
NO_NAMES: Final[Names] = MappingProxyType({})


def identifier_problem(name: str) -> str | None:
    """Return why a condition cannot use ``name`` as a name, or None if it can."""
    if name in ROOTS:
        return f"{name!r} is the event's"
    if name in KEYWORDS or name in RESERVED:
        return f"{name!r} is reserved in CEL"
    if not _IDENTIFIER.fullmatch(name):
        return f"{name[:100]!r} is no name: a name has only letters, digits and _"
    return None

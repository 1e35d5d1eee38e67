"""What a condition may cost: when the rules are read, and for one event.

Whoever writes rules is trusted, but mistakes are made; whoever sends events is a stranger. So the
text is bounded, and whatever grows with the event is bounded, or charged to a budget.
"""

from typing import Final

LENGTH: Final = 4096
"""Characters of a condition."""
DEPTH: Final = 60
"""Brackets, fields and signs within one another."""
CHAIN: Final = 100
"""Operators of one precedence in a row, but for && and ||."""
ITEMS: Final = 1000
"""Items of a list or map, or arguments, as they are written."""
NESTING: Final = 2
"""Macros within macros."""
TREE_DEPTH: Final = 250
"""Nodes above one another, lets written out: what reads a tree may recurse."""
TREE_SIZE: Final = 20_000
"""Nodes of a tree, lets written out: lets that use each other twice double it each time."""

TURNS: Final = 10_000
"""Turns of all macros together in one evaluation."""
MADE: Final = 64 * 1024
"""Characters, bytes or items of what an operator or function makes."""
COMPARED: Final = 10_000
"""Elements that one comparison of lists or maps may visit."""
REGEX_MEMORY: Final = 1 << 20
"""Bytes of a compiled pattern."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1

"""The cost limits of a condition: when the rules are loaded, and for one event.

The authors of rules are trusted but make mistakes; the senders of events are not trusted. The text
is therefore bounded, and everything that grows with the event is bounded or charged to a budget.
"""

from typing import Final

LENGTH: Final = 4096
"""Characters of a condition."""
DEPTH: Final = 60
"""Nested brackets, fields and signs."""
CHAIN: Final = 100
"""Operators of one precedence in a row; && and || have no such limit."""
ITEMS: Final = 1000
"""Items of a list or map literal, or arguments of a call."""
NESTING: Final = 2
"""Nested macros."""
TREE_DEPTH: Final = 250
"""Nested nodes of a tree with its lets expanded, because functions on trees may recurse."""
TREE_SIZE: Final = 20_000
"""Nodes of a tree with its lets expanded: each let that uses another twice doubles the tree."""

ITERATIONS: Final = 10_000
"""Iterations of all macros together in one evaluation."""
RESULT_SIZE: Final = 64 * 1024
"""Characters, bytes or items of the result of an operator or function."""
SEARCHED: Final = 1_000_000
"""Elements that all searches outside macros may visit together; 8 characters count as one."""
PARSED_DEPTH: Final = 60
"""Nested lists and maps of a text that ``parseJson`` reads."""
LABELS_SIZE: Final = 16 * 1024
"""Bytes of the names and values of labels that ``fingerprint`` reads: about 2 ms."""
COMPARISONS: Final = 10_000
"""Elements that one comparison of lists or maps may visit."""
REGEX_MEMORY: Final = 1 << 20
"""Bytes of a compiled pattern."""
REGEX_STEPS: Final = 1 << 25
"""Characters of a text, times the instructions of a pattern that is searched in it.

RE2 takes as many steps, of about 14 ns, once its automaton exceeds its memory. A sender can write
such a text for a pattern that counts, such as ``a.{0,200}b``.
"""
REGEX_SMALL: Final = 16
"""Instructions of a pattern that may search a text of any length."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1

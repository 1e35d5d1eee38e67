"""Regular expressions in RE2's syntax, whose search takes time linear in the text.

google-re2 compiles and searches them where it is installed (extra ``re2``). It has no wheels for musl,
free-threaded Pythons and those of the future, so that there is a second way in Python:

    text of the pattern -> tree (pattern_syntax) -> program (pattern_program) -> automaton (lazy_automaton)

It knows a part of RE2's syntax, with RE2's meaning, and is linear as well: there is no backtracking. What
it does not know is an error when a rule is checked, whose text says to install google-re2. A property test
compares both ways (tests/regex).
"""

from router.regex.pattern_search import (
    HAS_RE2,
    Pattern,
    compile_pattern,
    escape,
    instruction_count,
    set_search,
)

__all__ = [
    "HAS_RE2",
    "Pattern",
    "compile_pattern",
    "escape",
    "instruction_count",
    "set_search",
]

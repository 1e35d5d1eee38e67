"""Compiles and searches patterns: by google-re2 where it is installed, else by this package's automaton."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from router.regex.lazy_automaton import LinearPattern
from router.regex.pattern_program import compile_program
from router.regex.pattern_syntax import NotSupportedError, PatternParser

try:
    import re2 as installed_re2
except ImportError:
    installed_re2 = None

re2: Any = installed_re2
HAS_RE2: Final = re2 is not None

SetSearch = Callable[[str], Sequence[int] | None]
"""Returns the positions of the patterns that are found in a text; None if that is not known.

Raises UnicodeEncodeError for a lone surrogate.
"""
_SHORT: Final = 2048
"""Characters of a text in which a set of patterns is searched one after the other."""
_SPECIAL: Final = re.compile(r"[^0-9A-Za-z_\x80-\U0010ffff]")


class Pattern(Protocol):
    """A compiled pattern."""

    @property
    def programsize(self) -> int:
        """Instructions, each of which a character may cost."""

    def search(self, text: str) -> object | None:
        """Return None if the pattern is not found. Raises UnicodeEncodeError for a lone surrogate."""


def compile_pattern(text: str, *, max_memory: int) -> Pattern:
    """Compile a regular expression in RE2 syntax.

    Args:
        text: The pattern.
        max_memory: Bytes that google-re2 may use for it.

    Raises:
        ValueError: It is none, or it needs google-re2.
    """
    if re2 is None:
        return _compile_linear(text)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_memory
    try:
        pattern: Pattern = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"not a regular expression in RE2 syntax: {reason}") from None
    return pattern


def _compile_linear(text: str) -> LinearPattern:
    text.encode()  # a lone surrogate is an error, as for google-re2
    try:
        return LinearPattern(compile_program(PatternParser(text).parse()))
    except NotSupportedError as error:
        raise ValueError(
            f"this regular expression needs google-re2, which is not installed, for {error}: "
            "run pip install '.[re2]' in the router's checkout"
        ) from None
    except ValueError as error:
        raise ValueError(f"not a regular expression in RE2 syntax: {error}") from None


def escape(text: str) -> str:
    """Return a pattern that finds exactly this text."""
    return _SPECIAL.sub(lambda found: "\\x00" if found[0] == "\0" else f"\\{found[0]}", text)


def instruction_count(text: str) -> int | None:
    """Return the size of a pattern that is valid; None if it is too large to compile."""
    if re2 is not None:
        size: int = re2.compile(text).programsize
        return size
    try:
        return len(compile_program(PatternParser(text).parse()).instructions)
    except NotSupportedError:
        return None


def set_search(patterns: Sequence[str], *, max_memory: int) -> SetSearch:
    """Return a search for distinct patterns: in one pass by google-re2, else one after the other."""
    return _linear_set(patterns) if re2 is None else _re2_set(patterns, max_memory)


def _re2_set(patterns: Sequence[str], max_memory: int) -> SetSearch:
    """Return one automaton for all patterns.

    If the memory is too small for the patterns, RE2's automaton stops without an error. The empty
    pattern is therefore added once, as the first: it is found in every text, so that its absence from
    the result shows that RE2 stopped.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_memory
    automaton = re2.Set.SearchSet(options)
    places = [patterns.index("")] if "" in patterns else []
    only_empty = tuple(places)
    automaton.Add("")
    for place, pattern in enumerate(patterns):
        if pattern:
            automaton.Add(pattern)
            places.append(place)
    automaton.Compile()
    match = automaton.Match
    if not only_empty:
        places.insert(0, -1)

    def search(text: str) -> Sequence[int] | None:
        found = match(text.encode())
        if not found or found[0] != 0:
            return None
        if len(found) == 1:
            return only_empty
        return [places[each] for each in (found if only_empty else found[1:])]

    return search


def _linear_set(patterns: Sequence[str]) -> SetSearch:
    compiled = [_compile_linear(pattern) for pattern in patterns]

    def search(text: str) -> Sequence[int] | None:
        if len(text) > _SHORT:
            return None
        return [position for position, each in enumerate(compiled) if each.search(text)]

    return search

"""Explain libyaml's syntax errors, each with a hint."""

import re
from typing import Final

import msgspec
import yaml


class SyntaxExplanation(msgspec.Struct, frozen=True):
    """A message and a hint for a syntax error."""

    message: str
    hint: str = ""
    at_beginning: bool = False
    """Whether the position to report is the start of the surrounding construct."""


_TAB: Final = SyntaxExplanation("YAML does not allow a tab as indentation", "use spaces")
_CANNOT_BEGIN: Final = "found character that cannot start any token"
_BEGINNINGS: Final = {
    "\t": _TAB,
    "`": SyntaxExplanation("a value cannot begin with a backquote", "put the value in quotes"),
    "@": SyntaxExplanation("a value cannot begin with `@`", "put the value in quotes"),
    "%": SyntaxExplanation("a value cannot begin with `%`", "put the value in quotes"),
}
_PROBLEMS: Final = {
    "found a tab character": _TAB,
    "mapping values are not allowed": SyntaxExplanation(
        "unexpected `:`: it is the second one of its line, or the line has the wrong indentation",
        'put a value that contains ": " in quotes',
    ),
    "did not find expected key": SyntaxExplanation(
        "expected a key here", "indent it like the keys beside it"
    ),
    "did not find expected '-'": SyntaxExplanation(
        "expected `- ` here", "indent all items of a list equally"
    ),
    "did not find expected ',' or ']'": SyntaxExplanation(
        "this list lacks a `]` or a comma", at_beginning=True
    ),
    "did not find expected ',' or '}'": SyntaxExplanation(
        "this map lacks a `}` or a comma", at_beginning=True
    ),
    "found unexpected end of stream": SyntaxExplanation(
        "the text that begins here has no closing quote", at_beginning=True
    ),
    "could not find expected ':'": SyntaxExplanation(
        "expected `:` after this key", at_beginning=True
    ),
    "found unknown escape character": SyntaxExplanation(
        "unknown escape sequence in double quotes",
        r"write \\ for a backslash, or use single quotes",
    ),
    "did not find expected <document start>": SyntaxExplanation(
        "expected the end of the file here"
    ),
    "did not find expected alphabetic or numeric character": SyntaxExplanation(
        "a `*` or `&` is not text", 'put the value in quotes: "*"'
    ),
    "did not find expected node content": SyntaxExplanation(
        "expected a value here", "remove a comma too many, or close the list or map"
    ),
    "exceeded maximum nesting depth": SyntaxExplanation("lists and maps are nested too deeply"),
}


_QUOTED: Final = SyntaxExplanation(
    "the text in quotes ends before this", "put quotes of the other kind, ' or \", around the value"
)
_CLOSED: Final = re.compile(r"""^[ \t-]*[\w."-]+[ \t]*:[ \t]+(["']).*\1[ \t]*$""")
"""A line up to the end of a quoted value."""
_CONFLICT: Final = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
_UNMERGED: Final = SyntaxExplanation(
    "two versions of the file are not merged", "resolve the conflict of git that begins here"
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, SyntaxExplanation]:
    """Return the offset of a syntax error in ``text`` and its explanation."""
    if conflict := _CONFLICT.search(text):
        return conflict.start(), _UNMERGED
    problem = error.problem or ""
    offset = _offset(error.problem_mark or error.context_mark, text)
    explanation = SyntaxExplanation(
        f"this is not YAML: {problem}" if problem else "this is not YAML"
    )
    if problem.startswith(_CANNOT_BEGIN):
        explanation = _BEGINNINGS.get(text[offset : offset + 1], explanation)
    for start, known in _PROBLEMS.items():
        if problem.startswith(start):
            explanation = known
    if _CLOSED.match(text[text.rfind("\n", 0, offset) + 1 : offset]):
        explanation = _QUOTED
    if explanation.at_beginning:
        offset = _offset(error.context_mark or error.problem_mark, text)
    return offset, explanation


def _offset(mark: "yaml.Mark | None", text: str) -> int:
    return min(mark.index, len(text)) if mark else 0

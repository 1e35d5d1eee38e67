"""What libyaml says of a text that is not YAML, in words that help to mend it."""

from typing import Final

import msgspec
import yaml


class SyntaxExplanation(msgspec.Struct, frozen=True):
    """What is wrong and what would be right."""

    message: str
    hint: str = ""
    at_beginning: bool = False
    """Whether the place that matters is where the surrounding construct began."""


_TAB: Final = SyntaxExplanation("a tab cannot indent in YAML", "use spaces")
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
        "`:` cannot stand here: it is the second one of its line, or the line is indented wrongly",
        'put a value that holds ": " in quotes',
    ),
    "did not find expected key": SyntaxExplanation(
        "expected a key here", "does it stand below its siblings?"
    ),
    "did not find expected '-'": SyntaxExplanation(
        "expected `- ` here", "list items stand below one another"
    ),
    "did not find expected ',' or ']'": SyntaxExplanation(
        "this list has no `]`, or lacks a comma", at_beginning=True
    ),
    "did not find expected ',' or '}'": SyntaxExplanation(
        "this map has no `}`, or lacks a comma", at_beginning=True
    ),
    "found unexpected end of stream": SyntaxExplanation(
        "the text that begins here has no closing quote", at_beginning=True
    ),
    "could not find expected ':'": SyntaxExplanation(
        "expected `:` after this key", at_beginning=True
    ),
    "found unknown escape character": SyntaxExplanation(
        "in double quotes a backslash begins an escape, and this is none",
        r"write \\ for a backslash, or use single quotes",
    ),
    "did not find expected <document start>": SyntaxExplanation(
        "expected the end of the file here"
    ),
    "exceeded maximum nesting depth": SyntaxExplanation(
        "too many lists and maps inside one another"
    ),
}


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, SyntaxExplanation]:
    """Where ``text`` is wrong, as an offset, and how."""
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
    if explanation.at_beginning:
        offset = _offset(error.context_mark or error.problem_mark, text)
    return offset, explanation


def _offset(mark: "yaml.Mark | None", text: str) -> int:
    return min(mark.index, len(text)) if mark else 0

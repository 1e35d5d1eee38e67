"""Read ``let`` and ``labels`` of a rule."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from router.cel import Expression, Names, compile_expression, identifier_problem
from router.cel.check import TypeProblem
from router.configuration.readers.folded_comments import report_folded_comment
from router.configuration.readers.route_match import label_problem
from router.configuration.readers.type_check import SourceSegment, report_problems
from router.configuration.variables import escaped_offset, unescape
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, Span, YamlDocument
from router.errors import ConditionError

_LETS_LIMIT: Final = 50
_LABELS_LIMIT: Final = 50
_LABEL_TEXT_LIMIT: Final = 256
_EXPRESSION: Final = re.compile(r"\s*\{\{(.*)\}\}\s*", re.DOTALL)
# Names that a summary has besides, and keywords of templates.
_TEMPLATE_NAMES: Final = frozenset(
    "alert loop self true false none True False None and or not is if else elif for in"  # noqa: SIM905 - shorter than a list
    " recursive".split()
)
_STAND_IN: Final = compile_expression("data")
"""Replaces an invalid expression, so that its uses are not reported too."""


class LabelsReader:
    """Reads the names and labels of one rule.

    Args:
        document: The document, to which problems are reported.
        names: The names that the expressions may use.
        events: The event types of the rule, for the type check.
    """

    def __init__(self, document: YamlDocument, names: Names, events: tuple[str, ...] = ()) -> None:
        self._document = document
        self._events = events
        self.names: Names = dict(names)
        """The names that are defined so far, including those of ``let``."""

    def lets(self, node: Node | None) -> Mapping[str, Expression]:
        """Return the names of ``let``, each of which can use those above it; report problems."""
        lets: dict[str, Expression] = {}
        below = {entry.key.text for entry in _entries(node)}
        for entry in self._limited(node, "let", _LETS_LIMIT):
            name, value = entry.key, entry.value
            below.discard(name.text)
            problem = identifier_problem(name.text)
            if problem is None and name.text in {*_TEMPLATE_NAMES, *self.names}:
                problem = f"the name {name.text!r} is reserved or already defined"
            if problem is not None:
                self._document.report(name.span, f"let: {problem}", "choose another name")
                continue
            expression = None
            if isinstance(value, Scalar):
                expression = self.expression(value, value.text, 0, below=below | {name.text})
            lets[name.text] = expression or _STAND_IN
            self.names = {**self.names, name.text: lets[name.text]}
        return lets

    def labels(self, node: Node | None) -> Mapping[str, str | Expression]:
        """Return the labels, each a text or an expression in ``{{ }}``; report problems."""
        labels: dict[str, str | Expression] = {}
        for entry in self._limited(node, "labels", _LABELS_LIMIT):
            problem = label_problem(entry.key.text)
            if problem is not None:
                self._document.report(entry.key.span, problem)
            if isinstance(entry.value, Scalar):
                label = self._label(entry.value)
                if label is not None:
                    labels[entry.key.text] = label
        return labels

    def _label(self, value: Scalar) -> str | Expression | None:
        text = value.text
        part = braced_part(text)
        if part is not None:
            return self.expression(value, *part)
        if "{{" in text:
            self._document.report(
                self._document.part_span(value, text.index("{{"), 2),
                "a label must be either text or one expression in {{ }}",
                "join the texts in the expression: {{ 'tier-' + customer.tier }}",
            )
            return None
        if not text or len(text) > _LABEL_TEXT_LIMIT:
            message = f"expected a label of 1 to {_LABEL_TEXT_LIMIT} characters"
            self._document.report(value.span, message)
        return unescape(text)

    def expression(
        self,
        scalar: Scalar,
        text: str,
        start: int,
        *,
        below: AbstractSet[str] = frozenset(),
        choices: tuple[str, ...] = (),
    ) -> Expression | None:
        """Compile a part of a scalar; None after reporting its problems.

        Args:
            scalar: The scalar.
            text: The part.
            start: Where the part begins in the scalar's text.
            below: Names of ``let`` that are defined below it.
            choices: The texts of which its value must be one; empty if it may be anything.
        """
        if report_folded_comment(self._document, scalar, text, start):
            return None
        try:
            expression = compile_expression(unescape(text), self.names)
        except ConditionError as error:
            offset = start + escaped_offset(text, error.offset)
            hint = error.hint
            used = text[error.offset : error.offset + error.length]
            if used in below:
                hint = "a let can use only the names above it"
            span = self._document.part_span(scalar, offset, error.length)
            self._document.report(span, error.message, hint)
            return None

        def span_of(problem: TypeProblem) -> Span:
            offset = start + escaped_offset(text, problem.offset)
            return self._document.part_span(scalar, offset, problem.length)

        segment = SourceSegment(expression.source, span_of)
        report_problems(self._document, expression, self._events, [segment], choices)
        return expression

    def _limited(self, node: Node | None, key: str, limit: int) -> Iterator[Entry]:
        entries = _entries(node)
        if len(entries) > limit:
            self._document.report(entries[limit].key.span, f"{key} has more than {limit} names")
        yield from entries[:limit]


def braced_part(text: str) -> tuple[str, int] | None:
    """Return the expression in ``{{ }}`` that is the whole text, and its offset; None if there is none."""
    whole = _EXPRESSION.fullmatch(text)
    return None if whole is None or "}}" in whole[1] else (whole[1], whole.start(1))


def _entries(node: Node | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, MapNode) else ()

"""Read ``severity`` of a rule: one of three words, or an expression that selects one of them.

``"{{ expression }}"`` is the short form of ``{from: expression, otherwise: warning}``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from router.alerts import Severity
from router.cel.tree import Conditional, Literal, unwrap_lets
from router.cel.tree import Node as Tree
from router.configuration.convert import INVALID, Converter
from router.configuration.readers.labels import LabelsReader, braced_part
from router.configuration.readers.table_columns import table_column
from router.configuration.readers.tables import Table
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import MapNode, Node, Scalar, YamlDocument
from router.rules.routing import SEVERITY
from router.rules.rule_text import SeverityText
from router.rules.severity_by_value import SEVERITIES, RuleSeverity, SeverityByValue, severities_of
from router.suggestions import suggestion


class SeverityReader:
    """Reads the severity of one rule.

    Args:
        document: The document, to which problems are reported.
        labels: Compiles the expressions of the rule.
        tables: The tables by name, None for one with errors; None if not all are known.
    """

    def __init__(
        self,
        document: YamlDocument,
        labels: LabelsReader,
        tables: Mapping[str, Table | None] | None,
    ) -> None:
        self._document = document
        self._labels = labels
        self._tables = tables or {}

    def read(self, node: Node | None) -> RuleSeverity:
        """Return the severity; Severity.WARNING after reporting a problem, or if there is no node."""
        if node is None:
            return Severity.WARNING
        if isinstance(node, Scalar) and "{{" in node.text:
            part = braced_part(node.text)
            if part is not None:
                return self._by_value(node, *part, Severity.WARNING)
            self._document.report(
                self._document.part_span(node, node.text.index("{{"), 2),
                "a severity must be either one word or one expression in {{ }}",
                "select the word in the expression: {{ data.calls > 9 ? 'critical' : 'info' }}",
            )
            return Severity.WARNING
        converter = Converter(self._document, NoVariables())
        if not isinstance(node, MapNode):
            found = converter.convert(node, Severity, SEVERITY)
            return Severity.WARNING if found is INVALID else Severity(found)
        text = converter.convert(node, SeverityText, SEVERITY)
        source = node.get("from")
        if not isinstance(text, SeverityText) or not isinstance(source, Scalar):
            return Severity.WARNING
        return self._by_value(source, source.text, 0, text.otherwise)

    def _by_value(self, scalar: Scalar, text: str, start: int, otherwise: Severity) -> RuleSeverity:
        expression = self._labels.expression(scalar, text, start, choices=SEVERITIES)
        if expression is None:
            return otherwise
        possible = {otherwise}
        for leaf in _leaves(expression.tree):
            possible |= self._possible(leaf)
        return SeverityByValue(
            expression=expression, otherwise=otherwise, possible=frozenset(possible)
        )

    def _possible(self, leaf: Tree) -> frozenset[Severity]:
        """Return the severities that a part may select; report a table that has other values."""
        if isinstance(leaf, Literal):
            return severities_of([leaf.value])
        place = table_column(leaf)
        table = self._tables.get(place[0]) if place is not None else None
        if place is None or table is None:
            return frozenset(SEVERITIES)
        column = place[1]
        values = []
        for key, row in table.rows.items():
            value: Any = row.get(column)
            if value is None or value == "":
                continue
            if not severities_of([value]):
                message = f'{column}: there is no severity "{value}"'
                hint = suggestion(str(value), SEVERITIES)
                table.document.report(table.spans.get(key), message, hint)
            values.append(value)
        return severities_of(values)


def without_severity(node: Node) -> Node:
    """Return the node of a rule without its severity, which is read by itself."""
    if not isinstance(node, MapNode):
        return node
    entries = tuple(entry for entry in node.entries if entry.key.text != SEVERITY)
    return MapNode(node.span, entries)


def _leaves(tree: Tree) -> Iterator[Tree]:
    """Yield the parts of an expression of which one is its value."""
    bare = unwrap_lets(tree)
    if isinstance(bare, Conditional):
        yield from _leaves(bare.then)
        yield from _leaves(bare.otherwise)
    else:
        yield bare

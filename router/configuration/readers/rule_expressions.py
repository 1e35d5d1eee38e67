"""Expressions of the rules folder -> compiled ones, or what is wrong with them (pure).

They stand in conditions, in values, and in lists such as ``by`` and ``equal``.
"""

from collections.abc import Iterable, Iterator

from router.cel import Condition, Expression, compile_condition, compile_expression
from router.cel.names import NO_NAMES, Names
from router.cel.tree import Name, walk
from router.configuration.readers.folded_comments import report_folded_comment
from router.configuration.readers.type_check import report_expression, report_number
from router.configuration.variables import escaped_offset, unescape
from router.configuration.yaml.document import ListNode, Node, Scalar, YamlDocument
from router.errors import ConditionError
from router.rules.state.feature import BY_LIMIT, By


def read_expressions(
    page: YamlDocument,
    node: Node | None,
    what: str,
    sides: Iterable[tuple[str, ...]],
    names: Names = NO_NAMES,
) -> By:
    """Return the expressions of a list, and report what is wrong with them to the document.

    Args:
        page: The document.
        node: The list; None for an empty one.
        what: The key of the list.
        sides: Each side has the types of the events whose values are compared with the others'.
        names: What the expressions may name.
    """
    if not isinstance(node, ListNode):
        return ()
    if len(node.items) > BY_LIMIT:
        page.report(node.span, f"{what} has {len(node.items)} expressions, at most {BY_LIMIT}")
        return ()
    return tuple(_expressions(page, node, tuple(sides), names))


def _expressions(
    page: YamlDocument, node: ListNode, sides: tuple[tuple[str, ...], ...], names: Names
) -> Iterator[Expression]:
    for item in node.items:
        if isinstance(item, Scalar) and not report_folded_comment(page, item):
            try:
                expression = compile_expression(unescape(item.text), names)
            except ConditionError as error:
                report_condition(page, item, error)
                continue
            report_expression(page, item, expression, *sides)
            _warn_of_constant(page, item, expression)
            yield expression


def _warn_of_constant(page: YamlDocument, item: Scalar, expression: Expression) -> None:
    """Warn of an expression in ``by`` or ``equal`` that is the same for every event."""
    if not any(isinstance(node, Name) for node in walk(expression.tree)):
        text = " ".join(item.text.split())[:60]
        page.warn(
            item.span,
            f"{text} is the same for every event, so that it distinguishes none",
            "write a field, such as data.account_sid, without quotes in the expression",
        )


def read_condition(
    page: YamlDocument, node: Scalar, events: tuple[str, ...], names: Names = NO_NAMES
) -> Condition | None:
    """Return a condition on events of these types; None if it is invalid, which is reported."""
    if node.is_missing or report_folded_comment(page, node):
        return None
    try:
        condition = compile_condition(unescape(node.text), names)
    except ConditionError as error:
        report_condition(page, node, error)
        return None
    report_expression(page, node, condition, events)
    return condition


def read_value(
    page: YamlDocument,
    node: Scalar,
    events: tuple[str, ...],
    names: Names = NO_NAMES,
    *,
    is_number: bool,
) -> Expression | None:
    """Return a value of events of these types; None if it is invalid, which is reported."""
    if node.is_missing or report_folded_comment(page, node):
        return None
    try:
        expression = compile_expression(unescape(node.text), names)
    except ConditionError as error:
        report_condition(page, node, error)
        return None
    if is_number:
        report_number(page, node, expression, events)
    else:
        report_expression(page, node, expression, events)
        _warn_of_constant(page, node, expression)
    return expression


def report_condition(page: YamlDocument, node: Scalar, error: ConditionError) -> None:
    """Report what is wrong with an expression, at its position in the node."""
    span = page.part_span(node, escaped_offset(node.text, error.offset), error.length)
    page.report(span, error.message, error.hint)

"""Read the expressions of a source, and check them against the types of its names."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from router.cel import Condition, Expression, compile_condition, compile_expression
from router.cel.check import TypeProblem, check, check_condition, type_of
from router.cel.check.types import ANY, Property, Type, TypeKind
from router.cel.tree import Field, Has, IndexAccess, Let, Literal, Name, OptionalField
from router.cel.tree import Node as TreeNode
from router.cel.tree import OptionalIndexAccess as OptionalIndex
from router.configuration.readers.folded_comments import report_folded_comment
from router.configuration.variables import escaped_offset, unescape
from router.configuration.yaml.document import MapNode, Node, Scalar, Span, YamlDocument
from router.errors import ConditionError
from router.events.cloudevents import extension_problem
from router.sources.mapping import NAMES
from router.sources.request_fields import CREDENTIAL_HEADERS

_TEXT = Type(kind=TypeKind.STRING)
_TEXTS = Type(kind=TypeKind.MAP, item=_TEXT)
_ROOTS = frozenset({"event", "data", "message"})

Compiled = TypeVar("Compiled", Expression, Condition)


class SourceExpressions:
    """Reads the expressions of one document.

    Args:
        document: The document, to which problems are reported.
        body: The type of the body.
        item: The type of an item.
    """

    def __init__(self, document: YamlDocument, body: Type, item: Type) -> None:
        self._document = document
        self._body = body
        self._types = _types(body, item)

    def with_item(self, item: Type) -> "SourceExpressions":
        """Return a reader for expressions that read items of another type."""
        return SourceExpressions(self._document, self._body, item)

    def expression(self, node: Node | None) -> Expression | None:
        """Return the expression of a scalar; None if there is none, or after reporting a problem."""
        if not isinstance(node, Scalar) or report_folded_comment(self._document, node):
            return None
        try:
            compiled = compile_expression(unescape(node.text), NAMES)
        except ConditionError as error:
            self._report_error(node, error)
            return None
        problems = check(compiled.source, compiled.tree, self._types)
        return self._checked(node, compiled, problems)

    def condition(self, node: Node | None) -> Condition | None:
        """Return the condition of a scalar; None as ``expression``."""
        if not isinstance(node, Scalar) or report_folded_comment(self._document, node):
            return None
        try:
            compiled = compile_condition(unescape(node.text), NAMES)
        except ConditionError as error:
            self._report_error(node, error)
            return None
        problems = check_condition(compiled.source, compiled.tree, self._types)
        return self._checked(node, compiled, problems)

    def split(self, node: Node | None) -> tuple[Expression | None, Type]:
        """Return the expression of a list, and the type of its items."""
        found = self.expression(node)
        if found is None or node is None:
            return None, self._body
        kind = type_of(found.source, found.tree, self._types)
        if not kind.can_be(TypeKind.LIST):
            self._document.report(node.span, f"split: this is {kind.kind.value}, not a list")
        return found, kind.item or ANY

    def map_of(self, node: Node | None) -> dict[str, Expression]:
        """Return the valid expressions of a map by their keys."""
        entries = node.entries if isinstance(node, MapNode) else ()
        found = {entry.key.text: self.expression(entry.value) for entry in entries}
        return {name: each for name, each in found.items() if each is not None}

    def extensions(self, node: Node | None) -> dict[str, Expression]:
        """Return the valid expressions of extension attributes, after reporting wrong names."""
        for entry in node.entries if isinstance(node, MapNode) else ():
            problem = extension_problem(entry.key.text)
            if problem is not None:
                self._document.report(entry.key.span, *problem)
        return self.map_of(node)

    def _checked(
        self, node: Scalar, compiled: Compiled, problems: list[TypeProblem]
    ) -> Compiled | None:
        root = _foreign_root(compiled.tree)
        if root is not None:
            message = f"there is no {root.name} in a source"
            hint = f"write {', '.join(NAMES)}"
            span = self._span(node, root.offset, root.length)
            self._document.report(span, message, hint)
            return None
        for at, name in _headers_read(compiled.tree):
            self._check_header(self._span(node, at.offset, at.length), name)
        for problem in problems:
            span = self._span(node, problem.offset, problem.length)
            report = self._document.warn if problem.is_warning else self._document.report
            report(span, problem.message, problem.hint)
        return compiled

    def _check_header(self, span: Span, name: str) -> None:
        if name.lower() in CREDENTIAL_HEADERS:
            message = f"{name.lower()} is not in headers, because it has credentials"
            self._document.report(span, message, "read another header")
        elif name != name.lower():
            message = f'there is no header "{name[:60]}": the names in headers are in lower case'
            self._document.report(span, message, f'write "{name.lower()[:60]}"')

    def _report_error(self, node: Scalar, error: ConditionError) -> None:
        span = self._span(node, error.offset, error.length)
        self._document.report(span, error.message, error.hint)

    def _span(self, node: Scalar, offset: int, length: int) -> Span:
        at = escaped_offset(node.text, offset)
        return self._document.part_span(node, at, length)


def _types(body: Type, item: Type) -> Mapping[str, Type]:
    names = {
        "body": body,
        "form": body if body.kind is TypeKind.MAP else ANY,
        "headers": _TEXTS,
        "query": ANY,
        "received_at": Type(kind=TypeKind.TIMESTAMP),
    }
    fields = {name: Property(each, required=True) for name, each in names.items()}
    return {"event": Type(kind=TypeKind.MAP, fields=fields), "data": item}


def _foreign_root(tree: TreeNode) -> Name | None:
    """Return the first root of rules that an expression reads by itself; None if it reads none."""
    names = (each for each in _written(tree) if isinstance(each, Name))
    return next((each for each in names if each.name in _ROOTS), None)


def _headers_read(tree: TreeNode) -> Iterator[tuple[TreeNode, str]]:
    """Yield the nodes that read a header by a fixed name, and that name."""
    for node in _written(tree):
        match node:
            case (
                IndexAccess(operand=Let(name="headers"), index=Literal(value=str(name)) as at)
                | OptionalIndex(operand=Let(name="headers"), index=Literal(value=str(name)) as at)
                | (Field(operand=Let(name="headers"), name=name) as at)
                | (OptionalField(operand=Let(name="headers"), name=name) as at)
                | (Has(operand=Let(name="headers"), name=name) as at)
            ):
                yield at, name
            case _:
                pass


def _written(tree: TreeNode) -> Iterator[TreeNode]:
    """Yield the nodes of an expression as it is written, without what its names stand for."""
    yield tree
    if not isinstance(tree, Let):
        for child in tree.children():
            yield from _written(child)

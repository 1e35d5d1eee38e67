"""Parses tokens into a tree: recursive descent, and precedence climbing for operators.

Names are resolved here, so that the error of an unknown name has its position and a suggestion.
Source: CEL language definition, "Syntax" and "Macros".
"""

from collections.abc import Iterable
from typing import Final

from router.cel import limits
from router.cel.calls import CallParser
from router.cel.functions import MACROS
from router.cel.hints import colleague_hint, is_certain
from router.cel.lexer import KEYWORDS, Token
from router.cel.names import NO_NAMES, Names, identifier_problem
from router.cel.tree import (
    Binary,
    Conditional,
    Field,
    IndexAccess,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Negative,
    Node,
    Not,
    OptionalField,
    OptionalIndexAccess,
)
from router.cel.values import Uint
from router.errors import ConditionError

WEAK_HINTS: Final = (
    *("there are ", "write == to compare", "write || for or"),
    "it is a method: write value.exists",
)
"""Hints that a more specific one replaces."""
_PRECEDENCE: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""Operators with a higher number bind more tightly."""


def parse(source: str, names: Names = NO_NAMES) -> Node:
    """Parse a condition, which may use ``names``. Raise ConditionError."""
    for name in names:
        problem = identifier_problem(name)
        if problem is not None:
            raise ConditionError(problem, offset=0, length=len(source))
    try:
        node = _Parser(source, names).condition()
    except RecursionError:
        raise ConditionError("nested too deeply", offset=0, length=len(source)) from None
    except ConditionError as error:
        is_weak = not error.hint or error.hint.startswith(WEAK_HINTS)
        if is_weak or is_certain(source, error.offset):
            error.hint = colleague_hint(source, error.offset, error.message) or error.hint
        raise
    _check_extent(node, len(source))
    return node


def _check_extent(root: Node, length: int) -> None:
    """Raise ConditionError if a tree is too deep or too large for the functions that read it."""
    size = 0
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        size += 1
        if depth > limits.TREE_DEPTH:
            raise ConditionError("nested too deeply", offset=0, length=length)
        if size > limits.TREE_SIZE:
            raise ConditionError(
                f"more than {limits.TREE_SIZE} parts, with its names expanded",
                offset=0,
                length=length,
            )
        pending += [(child, depth + 1) for child in node.children()]


class _Parser(CallParser):
    """The parser of operators, members and leaves; its base parses names and calls."""

    def __init__(self, source: str, names: Names) -> None:
        super().__init__(source, names)
        self._depth = 0

    def condition(self) -> Node:
        """Parse all tokens."""
        if self.next.kind == "end":
            raise ConditionError("the condition is empty", offset=0)
        node = self.expression()
        if self.next.kind != "end":
            raise self.unexpected("the condition should end here")
        return node

    # Operators, from the lowest precedence

    def expression(self) -> Node:
        """Parse a conditional, or what binds more tightly."""
        self._depth += 1
        if self._depth > limits.DEPTH:
            raise ConditionError(
                f"nested deeper than {limits.DEPTH} levels", offset=self.next.offset
            )
        offset = self.next.offset
        node = self._binary()
        if self.skip("?"):
            then = self._binary()
            self.expect(":", "in … ? … : …")
            otherwise = self.expression()
            node = Conditional(
                condition=node,
                then=then,
                otherwise=otherwise,
                offset=offset,
                length=self.length_from(offset),
            )
        self._depth -= 1
        return node

    def _binary(self, lowest: int = 1) -> Node:
        """Parse operators of at least the precedence ``lowest``."""
        offset = self.next.offset
        node = self._unary()
        precedence = operations = 0
        while (found := self._precedence()) >= lowest:
            operations = operations + 1 if found == precedence else 1
            precedence = found
            if operations > limits.CHAIN:
                raise ConditionError(
                    f"more than {limits.CHAIN} operators in a row", offset=self.next.offset
                )
            operator = self.take().text
            if operator in {"&&", "||"}:
                node = self._logic(operator, node, precedence, offset)
                continue
            node = Binary(
                operator=operator,
                left=node,
                right=self._binary(precedence + 1),
                offset=offset,
                length=self.length_from(offset),
            )
        return node

    def _precedence(self) -> int:
        """Return the precedence of the next token, 0 if it is no operator."""
        token = self.next
        return _PRECEDENCE.get(token.text, 0) if token.kind in {"operator", "name"} else 0

    def _logic(self, operator: str, first: Node, precedence: int, offset: int) -> Node:
        parts = [first, self._binary(precedence + 1)]
        while self.skip(operator):
            parts.append(self._binary(precedence + 1))
        return Logic(
            operator=operator, parts=tuple(parts), offset=offset, length=self.length_from(offset)
        )

    def _unary(self) -> Node:
        offset = self.next.offset
        signs = []
        while self.next_is("!", "-"):
            signs.append(self.take())
            if signs[-1].text != signs[0].text:
                raise self.unexpected("expected one sign")
        if len(signs) > limits.DEPTH:
            raise ConditionError(
                f"more than {limits.DEPTH} signs in a row", offset=offset, length=len(signs)
            )
        if signs and signs[0].text == "-" and self.next.kind in {"int", "float"}:
            start = signs[-1].offset
            node = self._members(self._negative_number(signs.pop()), start)
        else:
            start = self.next.offset
            node = self._members(self._primary(), start)
        for sign in reversed(signs):
            kind = Not if sign.text == "!" else Negative
            node = kind(operand=node, offset=sign.offset, length=self.length_from(sign.offset))
        return node

    def _negative_number(self, sign: Token) -> Node:
        number = self.take()
        length = self.length_from(sign.offset)
        if number.value.__class__ is Uint:
            raise ConditionError(
                "an unsigned integer has no sign", offset=sign.offset, length=length
            )
        return Literal(value=-number.value, offset=sign.offset, length=length)

    # Members

    def _members(self, node: Node, offset: int) -> Node:
        steps = 0
        while self.next_is(".", "["):
            steps += 1
            if steps > limits.DEPTH:
                raise ConditionError(
                    f"nested deeper than {limits.DEPTH} levels", offset=self.next.offset
                )
            node = self._index(node, offset) if self.skip("[") else self._select(node, offset)
        return node

    def _index(self, operand: Node, offset: int) -> Node:
        kind = OptionalIndexAccess if self.skip("?") else IndexAccess
        index = self.expression()
        self.expect("]", "after the index")
        return kind(operand=operand, index=index, offset=offset, length=self.length_from(offset))

    def _select(self, operand: Node, offset: int) -> Node:
        self.take()
        kind = OptionalField if self.skip("?") else Field
        name = self.next
        if name.kind not in {"name", "quoted"} or name.text in KEYWORDS:
            raise self.unexpected("expected a field's name after '.'")
        self.take()
        if name.kind == "name" and kind is Field and self.skip("("):
            if name.text in MACROS:
                return self.macro(name, operand, offset)
            return self.call(name, (operand,), offset)
        return kind(
            operand=operand,
            name=name.text if name.kind == "name" else name.value,
            offset=offset,
            length=self.length_from(offset),
        )

    # Leaves

    def _primary(self) -> Node:
        token = self.next
        if token.kind in {"int", "float", "string"}:
            return self._literal()
        if token.kind == "name" and token.text != "in":
            return self.identifier()
        if self.skip("("):
            node = self.expression()
            self.expect(")", "to close '('")
            return node
        if self.skip("["):
            return self._list_literal(token)
        if self.skip("{"):
            return self._map_literal(token)
        raise self.unexpected("expected a value")

    def _literal(self) -> Node:
        token = self.take()
        if token.value.__class__ is int and token.value > limits.INT_MAX:
            raise ConditionError(
                "the integer does not fit 64 bits", offset=token.offset, length=token.length
            )
        return Literal(value=token.value, offset=token.offset, length=token.length)

    def _list_literal(self, start: Token) -> Node:
        items = self.items("]", lambda: (self.skip("?"), self.expression()))
        return ListLiteral(
            items=tuple(item for _, item in items),
            optional=_marked(is_optional for is_optional, _ in items),
            offset=start.offset,
            length=self.length_from(start.offset),
        )

    def _map_literal(self, start: Token) -> Node:
        entries = self.items("}", self._entry)
        return MapLiteral(
            entries=tuple((key, value) for _, key, value in entries),
            optional=_marked(is_optional for is_optional, *_ in entries),
            offset=start.offset,
            length=self.length_from(start.offset),
        )

    def _entry(self) -> tuple[bool, Node, Node]:
        is_optional = self.skip("?")
        key = self.expression()
        self.expect(":", "after the key")
        return is_optional, key, self.expression()


def _marked(marks: Iterable[bool]) -> frozenset[int]:
    return frozenset(position for position, is_marked in enumerate(marks) if is_marked)

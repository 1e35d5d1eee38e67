"""Tokens -> tree: recursive descent, one method per level of precedence.

Source: CEL language definition, "Syntax" and "Macros". Names are resolved here, so that an unknown
one is reported at its place with what it was probably meant to be.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from router.errors import ConditionError, closest
from router.rules.cel.functions import FUNCTIONS, MACROS, ROOTS
from router.rules.cel.lexer import INT_MAX, RESERVED, Token, tokens
from router.rules.cel.names import NO_NAMES, Constant, Names, identifier_problem
from router.rules.cel.tree import (
    Binary,
    Call,
    Choice,
    Field,
    Given,
    Has,
    Item,
    Let,
    Listing,
    Literal,
    Logic,
    Macro,
    Mapping,
    Name,
    Negative,
    Node,
    Not,
)

T = TypeVar("T")

DEPTH_LIMIT: Final = 60
CHAIN_LIMIT: Final = 100
"""Operators of one precedence in a row, but for && and ||."""
ITEMS_LIMIT: Final = 1000
NESTING_LIMIT: Final = 2
"""Macros within macros."""
TREE_DEPTH_LIMIT: Final = 250
"""Nodes above one another, lets written out: what reads a tree may recurse."""
TREE_SIZE_LIMIT: Final = 20_000
"""Nodes of a tree, lets written out: a few lets that use each other twice would double it each time."""

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


def parse(source: str, names: Names = NO_NAMES) -> Node:
    """The tree of a condition. ``names`` may stand in it. Raises ConditionError."""
    for name in names:
        problem = identifier_problem(name)
        if problem is not None:
            raise ConditionError(problem, offset=0, length=len(source))
    try:
        node = _Parser(source, names).whole()
    except RecursionError:
        raise ConditionError("nested too deeply", offset=0, length=len(source)) from None
    _check_extent(node, len(source))
    return node


def _check_extent(root: Node, length: int) -> None:
    """Raise ConditionError where a tree is too deep or too large for those who read it."""
    size = 0
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        size += 1
        if depth > TREE_DEPTH_LIMIT:
            raise ConditionError("nested too deeply", offset=0, length=length)
        if size > TREE_SIZE_LIMIT:
            raise ConditionError(
                f"with its names written out, more than {TREE_SIZE_LIMIT} parts",
                offset=0,
                length=length,
            )
        pending += [(child, depth + 1) for child in node.children()]


class _Parser:
    def __init__(self, source: str, names: Names) -> None:
        self._tokens = tokens(source)
        self._names = names
        self._at = 0
        self._depth = 0
        self._variables: list[str] = []

    def whole(self) -> Node:
        if self._next.kind == "end":
            raise ConditionError("the condition is empty", offset=0)
        node = self._expression()
        if self._next.kind != "end":
            raise self._unexpected("the condition should end here")
        return node

    # Tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        token = self._next
        return token.kind in {"operator", "name"} and token.text in texts

    def _skip(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str, after: str) -> Token:
        if not self._is(text):
            raise self._unexpected(f"expected {text!r} {after}")
        return self._take()

    def _unexpected(self, what: str) -> ConditionError:
        token = self._next
        found = "the end" if token.kind == "end" else repr(token.text)
        return ConditionError(f"{what}, found {found}", offset=token.offset, length=token.length)

    def _length_from(self, offset: int) -> int:
        last = self._tokens[self._at - 1]
        return last.offset + last.length - offset

    # Levels of precedence, from the loosest

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise ConditionError(
                f"nested deeper than {DEPTH_LIMIT} levels", offset=self._next.offset
            )
        offset = self._next.offset
        node = self._logic("||", lambda: self._logic("&&", self._relation))
        if self._skip("?"):
            then = self._logic("||", lambda: self._logic("&&", self._relation))
            self._expect(":", "in … ? … : …")
            otherwise = self._expression()
            node = Choice(
                condition=node,
                then=then,
                otherwise=otherwise,
                offset=offset,
                length=self._length_from(offset),
            )
        self._depth -= 1
        return node

    def _logic(self, operator: str, part: Callable[[], Node]) -> Node:
        offset = self._next.offset
        parts = [part()]
        while self._skip(operator):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return Logic(
            operator=operator, parts=tuple(parts), offset=offset, length=self._length_from(offset)
        )

    def _relation(self) -> Node:
        return self._binary(_RELATIONS, self._sum)

    def _sum(self) -> Node:
        return self._binary({"+", "-"}, self._product)

    def _product(self) -> Node:
        return self._binary({"*", "/", "%"}, self._unary)

    def _binary(self, operators: Iterable[str], operand: Callable[[], Node]) -> Node:
        offset = self._next.offset
        node = operand()
        operations = 0
        while self._is(*operators):
            operations += 1
            if operations > CHAIN_LIMIT:
                raise ConditionError(
                    f"more than {CHAIN_LIMIT} operators in a row", offset=self._next.offset
                )
            operator = self._take().text
            node = Binary(
                operator=operator,
                left=node,
                right=operand(),
                offset=offset,
                length=self._length_from(offset),
            )
        return node

    def _unary(self) -> Node:
        offset = self._next.offset
        signs = []
        while self._is("!", "-"):
            signs.append(self._take())
            if signs[-1].text != signs[0].text:
                raise self._unexpected("expected one sign")
        if len(signs) > DEPTH_LIMIT:
            raise ConditionError("that many signs", offset=offset, length=len(signs))
        if signs and signs[0].text == "-" and self._next.kind in {"int", "float"}:
            node = self._negative_number(signs.pop())
        else:
            node = self._member()
        for sign in reversed(signs):
            kind = Not if sign.text == "!" else Negative
            node = kind(operand=node, offset=sign.offset, length=self._length_from(sign.offset))
        return node

    def _negative_number(self, sign: Token) -> Node:
        token = self._take()
        value = token.value
        assert isinstance(value, int | float)  # noqa: S101 - the lexer's invariant
        return Literal(value=-value, offset=sign.offset, length=self._length_from(sign.offset))

    def _member(self) -> Node:
        offset = self._next.offset
        node = self._primary()
        steps = 0
        while self._is(".", "["):
            steps += 1
            if steps > DEPTH_LIMIT:
                raise ConditionError(
                    f"nested deeper than {DEPTH_LIMIT} levels", offset=self._next.offset
                )
            node = self._index(node, offset) if self._skip("[") else self._select(node, offset)
        return node

    def _index(self, operand: Node, offset: int) -> Node:
        index = self._expression()
        self._expect("]", "after the index")
        return Item(operand=operand, index=index, offset=offset, length=self._length_from(offset))

    def _select(self, operand: Node, offset: int) -> Node:
        self._take()
        name = self._next
        if name.kind != "name" or name.text in {"true", "false", "null", "in"}:
            raise self._unexpected("expected a field's name after '.'")
        self._take()
        if self._skip("("):
            if name.text in MACROS:
                return self._macro(name, operand, offset)
            return self._call(name, (operand,), offset)
        return Field(
            operand=operand, name=name.text, offset=offset, length=self._length_from(offset)
        )

    # Leaves

    def _primary(self) -> Node:
        token = self._next
        if token.kind in {"int", "float", "string"}:
            self._take()
            if isinstance(token.value, int) and token.value > INT_MAX:
                raise ConditionError(
                    "no integer is that large", offset=token.offset, length=token.length
                )
            return Literal(value=token.value, offset=token.offset, length=token.length)
        if token.kind == "name" and token.text != "in":
            return self._named()
        if self._skip("("):
            node = self._expression()
            self._expect(")", "to close '('")
            return node
        if self._skip("["):
            items = self._list("]", self._expression)
            return Listing(
                items=tuple(items), offset=token.offset, length=self._length_from(token.offset)
            )
        if self._skip("{"):
            entries = self._list("}", self._entry)
            return Mapping(
                entries=tuple(entries), offset=token.offset, length=self._length_from(token.offset)
            )
        raise self._unexpected("expected a value")

    def _entry(self) -> tuple[Node, Node]:
        key = self._expression()
        self._expect(":", "after the key")
        return key, self._expression()

    def _list(self, end: str, item: Callable[[], T]) -> list[T]:
        items: list[T] = []
        while not self._skip(end):
            if items:
                self._expect(",", "between two")
                if self._skip(end):
                    break
            items.append(item())
            if len(items) > ITEMS_LIMIT:
                raise ConditionError(
                    f"more than {ITEMS_LIMIT} items in one list", offset=self._next.offset
                )
        return items

    def _named(self) -> Node:
        token = self._take()
        name = token.text
        if name in _CONSTANTS:
            return Literal(value=_CONSTANTS[name], offset=token.offset, length=token.length)
        if name in RESERVED:
            raise ConditionError(
                f"{name!r} is reserved in CEL", offset=token.offset, length=token.length
            )
        if self._skip("("):
            return self._has(token) if name == "has" else self._call(token, (), token.offset)
        if name in self._names:
            return _given(name, self._names, token)
        known = (*ROOTS, *self._variables, *self._names)
        if name not in known:
            raise ConditionError(
                f"there is no {name!r}",
                offset=token.offset,
                length=token.length,
                hint=_suggestion(name, known),
            )
        return Name(name=name, offset=token.offset, length=token.length)

    def _has(self, token: Token) -> Node:
        argument = self._expression()
        self._expect(")", "after the field")
        if not isinstance(argument, Field):
            raise ConditionError(
                "has() asks for a field",
                offset=argument.offset,
                length=argument.length,
                hint="write for example has(data.tag_info)",
            )
        return Has(
            operand=argument.operand,
            name=argument.name,
            offset=token.offset,
            length=self._length_from(token.offset),
        )

    def _call(self, name: Token, target: tuple[Node, ...], offset: int) -> Node:
        signature = FUNCTIONS.get(name.text)
        is_method = bool(target)
        if signature is None or not (signature.is_method if is_method else signature.is_global):
            raise ConditionError(
                f"there is no {'method' if is_method else 'function'} {name.text!r}",
                offset=name.offset,
                length=name.length,
                hint=_function_hint(name.text, is_method=is_method),
            )
        arguments = (*target, *self._list(")", self._expression))
        if len(arguments) != signature.arguments:
            expected = signature.arguments - is_method
            raise ConditionError(
                f"{name.text}() takes {expected} argument{'s' * (expected != 1)},"
                f" not {len(arguments) - is_method}",
                offset=name.offset,
                length=self._length_from(name.offset),
            )
        return Call(
            function=name.text,
            arguments=arguments,
            offset=offset,
            length=self._length_from(offset),
        )

    def _macro(self, name: Token, over: Node, offset: int) -> Node:
        if len(self._variables) >= NESTING_LIMIT:
            raise ConditionError(
                f"macros within macros, more than {NESTING_LIMIT} deep",
                offset=name.offset,
                length=name.length,
            )
        variable = self._next
        usable = variable.kind == "name" and identifier_problem(variable.text) is None
        if not usable or variable.text in self._variables or variable.text in self._names:
            raise self._unexpected(f"{name.text}() expects a new variable's name")
        self._take()
        self._expect(",", "after the variable")
        self._variables.append(variable.text)
        bodies = [self._expression()]
        if name.text == "map" and self._skip(","):
            bodies.append(self._expression())
        self._variables.pop()
        self._expect(")", f"to end {name.text}()")
        return Macro(
            macro=name.text,
            over=over,
            variable=variable.text,
            keep=bodies[0] if len(bodies) > 1 else None,
            body=bodies[-1],
            offset=offset,
            length=self._length_from(offset),
        )


def _given(name: str, names: Names, token: Token) -> Node:
    given = names[name]
    if isinstance(given, Constant):
        return Given(name=name, value=given.value, offset=token.offset, length=token.length)
    return Let(
        name=name,
        body=given.tree,
        source=given.source,
        offset=token.offset,
        length=token.length,
    )


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = closest(name, known)
    return f'did you mean "{near}"?' if near else f"there are {', '.join(known)}"


def _function_hint(name: str, *, is_method: bool) -> str:
    if not is_method and name in {*FUNCTIONS, *MACROS}:
        return f"it is a method: write value.{name}(…)"
    return _suggestion(name, [*FUNCTIONS, *(MACROS if is_method else ("has",))])

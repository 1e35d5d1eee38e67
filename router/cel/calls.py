"""Parses names, functions and macros. The error of an unknown one suggests the nearest known one."""

from collections.abc import Iterable
from typing import Final

from router.cel import limits
from router.cel.cursor import TokenCursor
from router.cel.functions import (
    FUNCTIONS,
    MACROS,
    ROOTS,
    TIME_TYPES,
    TYPE_NAMES,
    MacroForm,
)
from router.cel.lexer import RESERVED, Token
from router.cel.names import Constant, Names, identifier_problem
from router.cel.tree import Call, ExternalConstant, Field, Has, Let, Literal, Macro, Name, Node
from router.errors import ConditionError
from router.suggestions import closest_match

_CONSTANTS: Final = {"true": True, "false": False, "null": None}


class CallParser(TokenCursor):
    """The part of the parser that resolves names."""

    def __init__(self, source: str, names: Names) -> None:
        super().__init__(source)
        self._names = names
        self._variables: list[str] = []
        self._nesting = 0

    def expression(self) -> Node:
        """Parse an expression. The subclass implements it."""
        raise NotImplementedError

    def identifier(self) -> Node:
        """Parse an expression that begins with a name."""
        token = self.take()
        name = token.text
        if name in _CONSTANTS:
            return Literal(value=_CONSTANTS[name], offset=token.offset, length=token.length)
        if name in RESERVED:
            raise ConditionError(
                f"{name!r} is reserved in CEL", offset=token.offset, length=token.length
            )
        if self.skip("("):
            return self._has(token) if name == "has" else self.call(token, (), token.offset)
        if name in self._variables or name in ROOTS:
            return Name(name=name, offset=token.offset, length=token.length)
        if name in self._names:
            return _named_node(name, self._names, token)
        return self._builtin(token) or self._unknown(token)

    def _builtin(self, token: Token) -> Node | None:
        """Parse the name of a type, or a function whose name has a dot. None for another name."""
        value = TYPE_NAMES.get(token.text)
        for first, *rest in TIME_TYPES:
            if first == token.text and self.skip_all(".", rest[0], ".", rest[1]):
                value = TIME_TYPES[first, rest[0], rest[1]]
        if value is not None:
            return Literal(value=value, offset=token.offset, length=self.length_from(token.offset))
        for name in FUNCTIONS:
            first, dot, last = name.partition(".")
            if dot and first == token.text and self.skip_all(dot, last, "("):
                return self.call(Token("name", name, token.offset), (), token.offset)
        return None

    def _unknown(self, token: Token) -> Node:
        raise ConditionError(
            f"there is no {token.text!r}",
            offset=token.offset,
            length=token.length,
            hint=_suggestion(token.text, (*ROOTS, *self._variables, *self._names)),
        )

    def _has(self, token: Token) -> Node:
        argument = self.expression()
        self.expect(")", "after the field")
        if not isinstance(argument, Field):
            raise ConditionError(
                "has() takes a field",
                offset=argument.offset,
                length=argument.length,
                hint="write for example has(data.tag_info)",
            )
        return Has(
            operand=argument.operand,
            name=argument.name,
            offset=token.offset,
            length=self.length_from(token.offset),
        )

    def call(self, name: Token, target: tuple[Node, ...], offset: int) -> Node:
        """Parse the arguments of a function or method whose opening bracket is taken.

        Args:
            name: The name of the function.
            target: The object of a method, empty for a function.
            offset: The position of the first character of the call.
        """
        function = FUNCTIONS.get(name.text)
        is_method = bool(target)
        if function is None or not (function.is_method if is_method else function.is_global):
            raise ConditionError(
                f"there is no {'method' if is_method else 'function'} {name.text!r}",
                offset=name.offset,
                length=name.length,
                hint=_function_hint(name.text, is_method=is_method),
            )
        arguments = (*target, *self.items(")", self.expression))
        if not function.min_arguments <= len(arguments) <= function.max_arguments:
            least = function.min_arguments - is_method
            most = function.max_arguments - is_method
            expected = f"{least}" if least == most else f"{least} or {most}"
            raise ConditionError(
                f"{name.text}() takes {expected} argument{'s' * (expected != '1')},"
                f" not {len(arguments) - is_method}",
                offset=name.offset,
                length=self.length_from(name.offset),
            )
        return Call(
            function=name.text,
            arguments=arguments,
            offset=offset,
            length=self.length_from(offset),
        )

    def macro(self, name: Token, over: Node, offset: int) -> Node:
        """Parse the arguments of a macro over ``over`` whose opening bracket is taken."""
        form = MACROS[name.text]
        if self._nesting >= limits.NESTING and form.is_loop:
            raise ConditionError(
                f"macros within macros, more than {limits.NESTING} deep",
                offset=name.offset,
                length=name.length,
            )
        variables = self._new_variables(name.text, form)
        self._variables += variables
        self._nesting += form.is_loop
        bodies = [self.expression()]
        if form.takes_condition and self.skip(","):
            bodies.append(self.expression())
        self._nesting -= form.is_loop
        del self._variables[-len(variables) :]
        self.expect(")", f"to end {name.text}()")
        return Macro(
            macro=name.text,
            over=over,
            variables=tuple(variables),
            condition=bodies[0] if len(bodies) > 1 else None,
            body=bodies[-1],
            offset=offset,
            length=self.length_from(offset),
        )

    def _new_variables(self, macro: str, form: MacroForm) -> list[str]:
        """Parse one variable, or two if the macro takes two and another name and comma follow."""
        variables = [self._new_variable(macro)]
        is_second = form.takes_two and (not form.takes_one or self._is_second())
        if is_second:
            variables.append(self._new_variable(macro))
            if variables[0] == variables[1]:
                raise self.unexpected(f"{macro}() expects two different names")
        return variables

    def _is_second(self) -> bool:
        return self.next.kind == "name" and self._tokens[self._position + 1].text == ","

    def _new_variable(self, macro: str) -> str:
        token = self.next
        usable = token.kind == "name" and identifier_problem(token.text) is None
        if not usable or token.text in self._variables or token.text in self._names:
            raise self.unexpected(f"{macro}() expects a new variable's name")
        self.take()
        self.expect(",", "after the variable")
        return token.text


def _named_node(name: str, names: Names, token: Token) -> Node:
    meaning = names[name]
    if isinstance(meaning, Constant):
        return ExternalConstant(
            name=name, value=meaning.value, offset=token.offset, length=token.length
        )
    return Let(
        name=name,
        body=meaning.tree,
        source=meaning.source,
        offset=token.offset,
        length=token.length,
    )


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = closest_match(name, known)
    return f'did you mean "{near}"?' if near else f"there are {', '.join(known)}"


def _function_hint(name: str, *, is_method: bool) -> str:
    if not is_method and (name in MACROS or name in FUNCTIONS):
        return f"it is a method: write value.{name}(…)"
    if is_method and name in FUNCTIONS:
        return f"it is a function: write {name}(…)"
    methods = [each for each, function in FUNCTIONS.items() if function.is_method]
    functions = [each for each, function in FUNCTIONS.items() if function.is_global]
    known = [*methods, *MACROS] if is_method else [*functions, "has"]
    near = closest_match(name, known) or closest_match(name, [*FUNCTIONS, *MACROS, "has"])
    return f'did you mean "{near}"?' if near else f"there are {', '.join(known)}"

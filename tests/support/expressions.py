"""Random expressions and events, over the whole language that the oracle speaks.

Well-formed, mostly well-typed (else nearly all were errors), over fields that may lack or be of
another type. Left out is what is refused when it is compiled, and the differences that
docs/conditions.md lists.
"""

import random
from collections.abc import Callable
from typing import Any

_TEXTS = ("", "a", "abc", "Weekly", "a,b,,c", " aXb ", "42", "-7", "2.5", "true", "é€🐱", "aaa")
_MOMENTS = (
    "2025-10-14T09:30:00Z",
    "2025-10-14T11:30:00.25+02:00",
    "1969-12-31T23:59:59.999999999Z",
    "2024-02-29T00:00:00-05:30",
)
_LENGTHS = ("1h30m", "90s", "-1.5s", "250ms", "0", "1us", "100h")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "+05:30", "-03:00", "Asia/Kathmandu")
_PATTERNS = ("^a", "b$", "[a-c]+", "(?i)WEEK", r"\\d+", "a|b", "^$")
_ACCESSORS = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)

FIELDS = {
    "i": "integer",
    "j": "integer",
    "d": "decimal",
    "t": "text",
    "u": "text",
    "y": "truth",
    "l": "listing",
    "m": "mapping",
    "n": "nothing",
    "w": "moment",
    "x": "anything",
}
"""Names of fields, and what they mostly hold."""


_SHOWN = (
    *("truth", "integer", "unsigned", "decimal", "text", "raw", "listing", "mapping"),
    *("moment", "length"),
)
"""Types of what an expression gives, or a list holds: the oracle crashes where it shows an optional."""


class Expressions:
    """Grows expressions and events from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._variables: list[str] = []
        self._kinds: dict[str, Callable[[int], str]] = {
            "truth": self._truth,
            "integer": self._integer,
            "unsigned": self._unsigned,
            "decimal": self._decimal,
            "text": self._text,
            "raw": self._raw,
            "listing": self._listing,
            "mapping": self._mapping,
            "moment": self._moment,
            "length": self._length,
            "optional": self._optional,
        }

    def event(self) -> dict[str, Any]:
        """Data with some of the fields that expressions read."""
        data = {name: self._json(kind, 2) for name, kind in FIELDS.items() if self._chance(0.95)}
        return {"id": "1", "data": data}

    def condition(self) -> str:
        """True or false, if it has a value."""
        return self._truth(3)

    def expression(self) -> str:
        """Of any type."""
        return self._any(3)

    def two_variables(self) -> tuple[str, str]:
        """A macro with two variables over ``data.l`` of three elements, and the same with one.

        The oracle has none with two.
        """
        macro, twin = self._pick(
            ("exists", "exists"),
            ("all", "all"),
            ("existsOne", "exists_one"),
            ("transformList", "map"),
        )
        self._variables = ["INDEX", "ELEMENT"]
        body = self._any(2) if twin == "map" else self._truth(2)
        if twin == "map" and self._chance(0.5):
            body = f"{self._truth(2)}, {body}"
        self._variables = []
        ours = body.replace("INDEX", "p").replace("ELEMENT", "q")
        theirs = body.replace("INDEX", "p").replace("ELEMENT", "data.l[p]")
        return f"data.l.{macro}(p, q, {ours})", f"[0, 1, 2].{twin}(p, {theirs})"

    def event_with_three(self) -> dict[str, Any]:
        """An event whose ``data.l`` has three elements."""
        event = self.event()
        event["data"]["l"] = [
            self._json(self._pick("integer", "text", "mapping"), 1) for _ in "abc"
        ]
        return event

    # Events

    def _json(self, kind: str, depth: int) -> Any:
        if self._chance(0.06) or kind == "anything":
            kind = self._pick(*(each for each in FIELDS.values() if each != "anything"))
        leaves: dict[str, tuple[Any, ...]] = {
            "integer": (0, 1, 3, 2, -2, 5, 2**63 - 1),
            "decimal": (0.0, 2.5, 1.0, -0.5),
            "text": _TEXTS,
            "truth": (True, False),
            "nothing": (None,),
            "moment": (*_MOMENTS, "2025-13-01T00:00:00Z", "yesterday"),
        }
        if kind in leaves:
            return self._pick(*leaves[kind])
        if depth == 0:
            return self._pick([], {}, 1, "a")
        inner = self._pick("integer", "text", "mapping", "anything")
        if kind == "listing":
            return [self._json(inner, depth - 1) for _ in range(self._random.randrange(4))]
        name = self._pick("a", "b", "i", "t")
        return {name: self._json(FIELDS.get(name, inner), depth - 1)} if self._chance(0.9) else {}

    # Expressions

    def _any(self, depth: int) -> str:
        return self._kinds[self._pick(*_SHOWN)](depth)

    def _of(self, kind: str, depth: int) -> str:
        """An expression of this type, now and then of another."""
        if self._chance(0.03):
            return self._any(depth - 1)
        if kind in FIELDS.values() and self._chance(0.35):
            return self._path(kind)
        return self._kinds[kind](depth - 1)

    def _path(self, kind: str) -> str:
        names = [name for name, holds in FIELDS.items() if holds == kind]
        if not names or self._chance(0.05):
            names = ["x"]
        if self._variables and self._chance(0.5):
            variable = self._pick(*self._variables)
            return variable + self._pick("", "", ".a", ".i", ".t", '["a"]')
        if self._chance(0.05):
            return f"data.{self._pick(*FIELDS)}.{self._pick('a', 'b', 'i', 't')}"
        return self._pick("data.", "data.", "event.data.", "message.data.") + self._pick(*names)

    def _truth(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("true", "false", self._path("truth"), "data.i == 1", "has(data.m.a)")
        return self._pick(
            self._logic,
            self._logic,
            self._comparison,
            self._comparison,
            self._comparison,
            self._membership,
            self._test_of_text,
            self._quantifier,
            lambda inner: f"!({self._of('truth', inner)})",
            lambda _: f"has({self._path('mapping')}.{self._pick('a', 'b', 't')})",
            lambda inner: f"{self._choice('truth', inner)}",
            lambda inner: f"{self._of('optional', inner)}.hasValue()",
            lambda inner: f"bool({self._of('text', inner)})",
            lambda inner: f"(type({self._any(inner - 1)}) == {self._type(inner)})",
        )(depth)

    def _logic(self, depth: int) -> str:
        operator = self._pick("&&", "||")
        return f"({self._of('truth', depth)} {operator} {self._of('truth', depth)})"

    def _comparison(self, depth: int) -> str:
        operator = self._pick("==", "==", "!=", "!=", "<", "<=", ">", ">=")
        numbers = ("integer", "decimal", "unsigned")
        kind = self._pick(*self._kinds, "integer", "text", "text")
        other = self._pick(*numbers) if kind in numbers else kind
        return f"({self._of(kind, depth)} {operator} {self._of(other, depth)})"

    def _membership(self, depth: int) -> str:
        container = self._pick("listing", "listing", "mapping")
        return f"({self._any(depth - 1)} in {self._of(container, depth)})"

    def _test_of_text(self, depth: int) -> str:
        text = self._of("text", depth)
        if self._chance(0.3):
            pattern = f'"{self._pick(*_PATTERNS)}"'
            return self._pick(f"({text}).matches({pattern})", f"matches({text}, {pattern})")
        method = self._pick("startsWith", "endsWith", "contains")
        return f"({text}).{method}({self._of('text', depth)})"

    def _quantifier(self, depth: int) -> str:
        return self._macro(self._pick("all", "exists", "exists_one"), "truth", depth)

    def _macro(self, macro: str, body: str, depth: int) -> str:
        if body == "truth" and macro != "filter":
            over = self._of(self._pick("listing", "listing", "mapping"), depth)
        else:
            # A map has no order, so none with two keys may become a list.
            over = self._pick("data.l", self._listing(depth - 1), self._listing(depth - 1))
        if len(self._variables) > 1:
            return f"size({over}) == 1" if body == "truth" else over
        variable = "pq"[len(self._variables)]
        self._variables.append(variable)
        inner = self._of(body, depth) if body in self._kinds else self._any(depth - 1)
        if macro == "map" and self._chance(0.3):
            inner = f"{self._of('truth', depth)}, {inner}"
        self._variables.pop()
        return f"({over}).{macro}({variable}, {inner})"

    def _choice(self, kind: str, depth: int) -> str:
        parts = self._of("truth", depth), self._of(kind, depth), self._of(kind, depth)
        return "({} ? {} : {})".format(*parts)

    def _type(self, depth: int) -> str:
        names = ("int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type")
        if self._chance(0.3):
            return f"type({self._any(depth - 1)})"
        return self._pick(*names, "google.protobuf.Timestamp", "google.protobuf.Duration", "type")

    def _arithmetic(self, kind: str, depth: int, *operators: str) -> str:
        return f"({self._of(kind, depth)} {self._pick(*operators)} {self._of(kind, depth)})"

    def _integer(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0", "1", "3", "-2", "0x10", "9223372036854775807", "data.i")
        return self._pick(
            lambda inner: self._arithmetic("integer", inner, "+", "-", "*", "/", "%"),
            lambda inner: f"size({self._of(self._pick('text', 'listing', 'mapping'), inner)})",
            lambda inner: f"int({self._of(self._convertible(), inner)})",
            lambda inner: f"-({self._of('integer', inner)})",
            self._position,
            self._part_of_time,
            lambda inner: self._choice("integer", inner),
            lambda inner: f"{self._of('optional', inner)}.orValue({self._of('integer', inner)})",
            lambda inner: f"{self._of('optional', inner)}.value()",
        )(depth)

    def _convertible(self) -> str:
        return self._pick("text", "decimal", "unsigned", "moment", "truth", "integer")

    def _position(self, depth: int) -> str:
        text, part = self._of("text", depth), self._of("text", depth)
        method = self._pick("indexOf", "lastIndexOf")
        start = f", {self._of('integer', depth)}" if self._chance(0.4) else ""
        return f"({text}).{method}({part}{start})"

    def _part_of_time(self, depth: int) -> str:
        accessor = self._pick(*_ACCESSORS)
        if self._chance(0.25):
            return f"{self._of('length', depth)}.{accessor}()"
        zone = f'"{self._pick(*_ZONES)}"' if self._chance(0.5) else ""
        return f"{self._of('moment', depth)}.{accessor}({zone})"

    def _unsigned(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0u", "1u", "5u", "0x1Fu")
        return self._pick(
            lambda inner: self._arithmetic("unsigned", inner, "+", "-", "*", "/", "%"),
            lambda inner: f"uint({self._of(self._pick('integer', 'decimal', 'text'), inner)})",
            lambda _: self._unsigned(0),
        )(depth)

    def _decimal(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0.0", "2.5", "1.0", "-0.5", "1e2", ".25", "data.d")
        return self._pick(
            lambda inner: self._arithmetic("decimal", inner, "+", "-", "*", "/"),
            # Large integers compare with decimals otherwise than the oracle has it.
            lambda inner: f"double({self._of('integer', inner)} % 1000)",
            lambda inner: f"double({self._of('unsigned', inner)} % 10u)",
            lambda inner: f"double({self._of('text', inner)})",
            lambda inner: f"-({self._of('decimal', inner)})",
            lambda inner: self._choice("decimal", inner),
        )(depth)

    def _text(self, depth: int) -> str:
        if depth <= 0:
            return self._pick(*(f'"{text}"' for text in _TEXTS), "data.t", r'"\u00e9\n"', r"r'\d'")
        return self._pick(
            lambda inner: self._arithmetic("text", inner, "+"),
            self._changed_text,
            self._changed_text,
            self._piece,
            lambda inner: f"string({self._of(self._writable(), inner)})",
            lambda inner: f"({self._of('listing', inner)}).join({self._of('text', inner)})",
            lambda inner: self._choice("text", inner),
            lambda inner: f"{self._of('optional', inner)}.orValue({self._of('text', inner)})",
        )(depth)

    def _writable(self) -> str:
        return self._pick("integer", "unsigned", "truth", "moment", "length", "raw", "text")

    def _changed_text(self, depth: int) -> str:
        text = f"({self._of('text', depth)})"
        if self._chance(0.4):
            limit = f", {self._of('integer', depth)}" if self._chance(0.3) else ""
            old, new = self._of("text", depth), self._of("text", depth)
            return f"{text}.replace({old}, {new}{limit})"
        return f"{text}.{self._pick('lowerAscii', 'upperAscii', 'trim', 'reverse')}()"

    def _piece(self, depth: int) -> str:
        text, at = f"({self._of('text', depth)})", self._pick("0", "1", "2", "3", "-1", "data.i")
        if self._chance(0.4):
            return f"{text}.charAt({at})"
        if self._chance(0.5):
            return f"{text}.substring({at})"
        # The oracle takes no end that is the text's own, by mistake.
        return f'({text} + "-------").substring({at}, {self._pick("3", "1", "data.i")})'

    def _raw(self, depth: int) -> str:
        if depth <= 0:
            return self._pick('b""', 'b"abc"', r'b"\xff"', 'b"é"')
        if self._chance(0.5):
            return f"bytes({self._of('text', depth)})"
        return self._arithmetic("raw", depth, "+")

    def _listing(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("[]", "[1, 2]", '["a", "abc"]', "[1, 2.5, 3u]", "data.l")
        return self._pick(
            lambda inner: f"[{self._any(inner - 1)}, {self._any(inner - 1)}]",
            lambda inner: f"[?{self._of('optional', inner)}, {self._any(inner - 1)}]",
            lambda inner: self._arithmetic("listing", inner, "+"),
            lambda inner: self._macro("filter", "truth", inner),
            lambda inner: self._macro("map", self._pick("any", "integer", "text"), inner),
            self._split,
        )(depth)

    def _split(self, depth: int) -> str:
        limit = f", {self._pick('0', '1', '2', '-1', 'data.i')}" if self._chance(0.4) else ""
        return f"({self._of('text', depth)}).split({self._of('text', depth)}{limit})"

    def _mapping(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("{}", '{"a": 1}', "{2: 2, true: 3}", "{1u: 2}", "data.m")
        key = self._of(self._pick("text", "text", "integer", "unsigned", "truth"), depth)
        optional = f', ?"b": {self._of("optional", depth)}' if self._chance(0.3) else ""
        return f"{{{key}: {self._any(depth - 1)}{optional}}}"

    def _moment(self, depth: int) -> str:
        literal = f'timestamp("{self._pick(*_MOMENTS)}")'
        if depth <= 0:
            return self._pick(literal, literal, "timestamp(data.w)")
        return self._pick(
            lambda _: literal,
            lambda _: "timestamp(data.w)",
            lambda inner: f"timestamp({self._of('integer', inner)})",
            lambda inner: f"({self._of('moment', inner)} + {self._of('length', inner)})",
            lambda inner: f"({self._of('moment', inner)} - {self._of('length', inner)})",
        )(depth)

    def _length(self, depth: int) -> str:
        literal = f'duration("{self._pick(*_LENGTHS)}")'
        if depth <= 0:
            return literal
        return self._pick(
            lambda _: literal,
            lambda inner: f"({self._of('moment', inner)} - {self._of('moment', inner)})",
            lambda inner: self._arithmetic("length", inner, "+", "-"),
        )(depth)

    def _optional(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("data.?i", "data.?zz", "optional.none()", "data.?m.?a", "data.?m.b")
        return self._pick(
            lambda _: f"data.?{self._pick(*FIELDS)}{self._pick('', '.?a', '.a', '[?0]')}",
            lambda inner: f"({self._of('listing', inner)})[?{self._of('integer', inner)}]",
            lambda inner: f"({self._of('mapping', inner)})[?{self._of('text', inner)}]",
            lambda inner: f"({self._of('mapping', inner)}).?{self._pick('a', 'b', 't')}",
            lambda inner: f"optional.of({self._any(inner - 1)})",
            lambda inner: f"optional.ofNonZeroValue({self._any(inner - 1)})",
            lambda inner: f"{self._of('optional', inner)}.or({self._of('optional', inner)})",
            self._mapped_optional,
        )(depth)

    def _mapped_optional(self, depth: int) -> str:
        if len(self._variables) > 1:
            return self._optional(0)
        target = self._of("optional", depth)
        macro, body = self._pick(("optMap", "any"), ("optFlatMap", "optional"))
        variable = "pq"[len(self._variables)]
        self._variables.append(variable)
        inner = self._of(body, depth) if body in self._kinds else self._any(depth - 1)
        self._variables.pop()
        return f"{target}.{macro}({variable}, {inner})"

    # Chance

    def _pick(self, *options: Any) -> Any:
        return self._random.choice(options)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

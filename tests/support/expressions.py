"""Random expressions and events, over the whole language that the oracle implements.

Expressions are well-formed and mostly well-typed, because otherwise nearly all would be errors. Their
fields may be missing or of another type. Texts that do not compile are excluded, and so are the
differences that docs/reference/conditions.md lists.
"""

import random
from collections.abc import Callable
from typing import Any

_STRINGS = ("", "a", "abc", "Weekly", "a,b,,c", " aXb ", "42", "-7", "2.5", "true", "é€🐱", "aaa")
_TIMESTAMPS = (
    "2025-10-14T09:30:00Z",
    "2025-10-14T11:30:00.25+02:00",
    "1969-12-31T23:59:59.999999999Z",
    "2024-02-29T00:00:00-05:30",
)
_DURATIONS = ("1h30m", "90s", "-1.5s", "250ms", "0", "1us", "100h")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "+05:30", "-03:00", "Asia/Kathmandu")
_PATTERNS = ("^a", "b$", "[a-c]+", "(?i)WEEK", r"\\d+", "a|b", "^$")
_ACCESSORS = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)

FIELDS = {
    "i": "int",
    "j": "int",
    "d": "double",
    "t": "string",
    "u": "string",
    "y": "bool",
    "l": "list",
    "m": "map",
    "n": "null",
    "w": "timestamp",
    "x": "anything",
}
"""Fields of an event, and their most frequent types."""


_RESULT_TYPES = (
    *("bool", "int", "uint", "double", "string", "bytes", "list", "map"),
    *("timestamp", "duration"),
)
"""Types of results and elements of lists. Not optionals, because the oracle crashes on their output."""


class Expressions:
    """Generates expressions and events from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._variables: list[str] = []
        self._kinds: dict[str, Callable[[int], str]] = {
            "bool": self._bool,
            "int": self._int,
            "uint": self._uint,
            "double": self._double,
            "string": self._string,
            "bytes": self._bytes,
            "list": self._list,
            "map": self._map,
            "timestamp": self._timestamp,
            "duration": self._duration,
            "optional": self._optional,
        }

    def event(self) -> dict[str, Any]:
        """Return an event with most of the fields that expressions read."""
        data = {name: self._json(kind, 2) for name, kind in FIELDS.items() if self._chance(0.95)}
        return {"id": "1", "data": data}

    def condition(self) -> str:
        """Return an expression that is true or false, or an error."""
        return self._bool(3)

    def expression(self) -> str:
        """Return an expression of any type."""
        return self._any(3)

    def two_variables(self) -> tuple[str, str]:
        """Return a macro with two variables over ``data.l``, and the same with one variable.

        The oracle has no macros with two variables. ``data.l`` must have three elements.
        """
        macro, twin = self._pick(
            ("exists", "exists"),
            ("all", "all"),
            ("existsOne", "exists_one"),
            ("transformList", "map"),
        )
        self._variables = ["INDEX", "ELEMENT"]
        body = self._any(2) if twin == "map" else self._bool(2)
        if twin == "map" and self._chance(0.5):
            body = f"{self._bool(2)}, {body}"
        self._variables = []
        ours = body.replace("INDEX", "p").replace("ELEMENT", "q")
        theirs = body.replace("INDEX", "p").replace("ELEMENT", "data.l[p]")
        return f"data.l.{macro}(p, q, {ours})", f"[0, 1, 2].{twin}(p, {theirs})"

    def event_with_three(self) -> dict[str, Any]:
        """Return an event whose ``data.l`` has three elements."""
        event = self.event()
        event["data"]["l"] = [self._json(self._pick("int", "string", "map"), 1) for _ in "abc"]
        return event

    # Events

    def _json(self, kind: str, depth: int) -> Any:
        if self._chance(0.06) or kind == "anything":
            kind = self._pick(*(each for each in FIELDS.values() if each != "anything"))
        leaves: dict[str, tuple[Any, ...]] = {
            "int": (0, 1, 3, 2, -2, 5, 2**63 - 1),
            "double": (0.0, 2.5, 1.0, -0.5),
            "string": _STRINGS,
            "bool": (True, False),
            "null": (None,),
            "timestamp": (*_TIMESTAMPS, "2025-13-01T00:00:00Z", "yesterday"),
        }
        if kind in leaves:
            return self._pick(*leaves[kind])
        if depth == 0:
            return self._pick([], {}, 1, "a")
        inner = self._pick("int", "string", "map", "anything")
        if kind == "list":
            return [self._json(inner, depth - 1) for _ in range(self._random.randrange(4))]
        name = self._pick("a", "b", "i", "t")
        return {name: self._json(FIELDS.get(name, inner), depth - 1)} if self._chance(0.9) else {}

    # Expressions

    def _any(self, depth: int) -> str:
        return self._kinds[self._pick(*_RESULT_TYPES)](depth)

    def _of(self, kind: str, depth: int) -> str:
        """Return an expression of this type, or sometimes of another."""
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

    def _bool(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("true", "false", self._path("bool"), "data.i == 1", "has(data.m.a)")
        return self._pick(
            self._logic,
            self._logic,
            self._comparison,
            self._comparison,
            self._comparison,
            self._membership,
            self._string_test,
            self._quantifier,
            lambda inner: f"!({self._of('bool', inner)})",
            lambda _: f"has({self._path('map')}.{self._pick('a', 'b', 't')})",
            lambda inner: f"{self._conditional('bool', inner)}",
            lambda inner: f"{self._of('optional', inner)}.hasValue()",
            lambda inner: f"bool({self._of('string', inner)})",
            lambda inner: f"(type({self._any(inner - 1)}) == {self._type(inner)})",
        )(depth)

    def _logic(self, depth: int) -> str:
        operator = self._pick("&&", "||")
        return f"({self._of('bool', depth)} {operator} {self._of('bool', depth)})"

    def _comparison(self, depth: int) -> str:
        operator = self._pick("==", "==", "!=", "!=", "<", "<=", ">", ">=")
        numbers = ("int", "double", "uint")
        kind = self._pick(*self._kinds, "int", "string", "string")
        other = self._pick(*numbers) if kind in numbers else kind
        return f"({self._of(kind, depth)} {operator} {self._of(other, depth)})"

    def _membership(self, depth: int) -> str:
        container = self._pick("list", "list", "map")
        return f"({self._any(depth - 1)} in {self._of(container, depth)})"

    def _string_test(self, depth: int) -> str:
        text = self._of("string", depth)
        if self._chance(0.3):
            pattern = f'"{self._pick(*_PATTERNS)}"'
            return self._pick(f"({text}).matches({pattern})", f"matches({text}, {pattern})")
        method = self._pick("startsWith", "endsWith", "contains")
        return f"({text}).{method}({self._of('string', depth)})"

    def _quantifier(self, depth: int) -> str:
        return self._macro(self._pick("all", "exists", "exists_one"), "bool", depth)

    def _macro(self, macro: str, body: str, depth: int) -> str:
        if body == "bool" and macro != "filter":
            over = self._of(self._pick("list", "list", "map"), depth)
        else:
            # No map with two keys becomes a list, because a map has no order.
            over = self._pick("data.l", self._list(depth - 1), self._list(depth - 1))
        if len(self._variables) > 1:
            return f"size({over}) == 1" if body == "bool" else over
        variable = "pq"[len(self._variables)]
        self._variables.append(variable)
        inner = self._of(body, depth) if body in self._kinds else self._any(depth - 1)
        if macro == "map" and self._chance(0.3):
            inner = f"{self._of('bool', depth)}, {inner}"
        self._variables.pop()
        return f"({over}).{macro}({variable}, {inner})"

    def _conditional(self, kind: str, depth: int) -> str:
        parts = self._of("bool", depth), self._of(kind, depth), self._of(kind, depth)
        return "({} ? {} : {})".format(*parts)

    def _type(self, depth: int) -> str:
        names = ("int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type")
        if self._chance(0.3):
            return f"type({self._any(depth - 1)})"
        return self._pick(*names, "google.protobuf.Timestamp", "google.protobuf.Duration", "type")

    def _arithmetic(self, kind: str, depth: int, *operators: str) -> str:
        return f"({self._of(kind, depth)} {self._pick(*operators)} {self._of(kind, depth)})"

    def _int(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0", "1", "3", "-2", "0x10", "9223372036854775807", "data.i")
        return self._pick(
            lambda inner: self._arithmetic("int", inner, "+", "-", "*", "/", "%"),
            lambda inner: f"size({self._of(self._pick('string', 'list', 'map'), inner)})",
            lambda inner: f"int({self._of(self._convertible(), inner)})",
            lambda inner: f"-({self._of('int', inner)})",
            self._index_of,
            self._time_part,
            lambda inner: self._conditional("int", inner),
            lambda inner: f"{self._of('optional', inner)}.orValue({self._of('int', inner)})",
            lambda inner: f"{self._of('optional', inner)}.value()",
        )(depth)

    def _convertible(self) -> str:
        return self._pick("string", "double", "uint", "timestamp", "bool", "int")

    def _index_of(self, depth: int) -> str:
        text, part = self._of("string", depth), self._of("string", depth)
        method = self._pick("indexOf", "lastIndexOf")
        start = f", {self._of('int', depth)}" if self._chance(0.4) else ""
        return f"({text}).{method}({part}{start})"

    def _time_part(self, depth: int) -> str:
        accessor = self._pick(*_ACCESSORS)
        if self._chance(0.25):
            return f"{self._of('duration', depth)}.{accessor}()"
        zone = f'"{self._pick(*_ZONES)}"' if self._chance(0.5) else ""
        return f"{self._of('timestamp', depth)}.{accessor}({zone})"

    def _uint(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0u", "1u", "5u", "0x1Fu")
        return self._pick(
            lambda inner: self._arithmetic("uint", inner, "+", "-", "*", "/", "%"),
            lambda inner: f"uint({self._of(self._pick('int', 'double', 'string'), inner)})",
            lambda _: self._uint(0),
        )(depth)

    def _double(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("0.0", "2.5", "1.0", "-0.5", "1e2", ".25", "data.d")
        return self._pick(
            lambda inner: self._arithmetic("double", inner, "+", "-", "*", "/"),
            # Small integers only, because large ones compare with doubles differently in the oracle.
            lambda inner: f"double({self._of('int', inner)} % 1000)",
            lambda inner: f"double({self._of('uint', inner)} % 10u)",
            lambda inner: f"double({self._of('string', inner)})",
            lambda inner: f"-({self._of('double', inner)})",
            lambda inner: self._conditional("double", inner),
        )(depth)

    def _string(self, depth: int) -> str:
        if depth <= 0:
            return self._pick(
                *(f'"{text}"' for text in _STRINGS), "data.t", r'"\u00e9\n"', r"r'\d'"
            )
        return self._pick(
            lambda inner: self._arithmetic("string", inner, "+"),
            self._transformed_string,
            self._transformed_string,
            self._substring,
            lambda inner: f"string({self._of(self._writable(), inner)})",
            lambda inner: f"({self._of('list', inner)}).join({self._of('string', inner)})",
            lambda inner: self._conditional("string", inner),
            lambda inner: f"{self._of('optional', inner)}.orValue({self._of('string', inner)})",
        )(depth)

    def _writable(self) -> str:
        return self._pick("int", "uint", "bool", "timestamp", "duration", "bytes", "string")

    def _transformed_string(self, depth: int) -> str:
        text = f"({self._of('string', depth)})"
        if self._chance(0.4):
            limit = f", {self._of('int', depth)}" if self._chance(0.3) else ""
            old, new = self._of("string", depth), self._of("string", depth)
            return f"{text}.replace({old}, {new}{limit})"
        return f"{text}.{self._pick('lowerAscii', 'upperAscii', 'trim', 'reverse')}()"

    def _substring(self, depth: int) -> str:
        text, at = f"({self._of('string', depth)})", self._pick("0", "1", "2", "3", "-1", "data.i")
        if self._chance(0.4):
            return f"{text}.charAt({at})"
        if self._chance(0.5):
            return f"{text}.substring({at})"
        # A longer string, because the oracle rejects an end that is the string's length.
        return f'({text} + "-------").substring({at}, {self._pick("3", "1", "data.i")})'

    def _bytes(self, depth: int) -> str:
        if depth <= 0:
            return self._pick('b""', 'b"abc"', r'b"\xff"', 'b"é"')
        if self._chance(0.5):
            return f"bytes({self._of('string', depth)})"
        return self._arithmetic("bytes", depth, "+")

    def _list(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("[]", "[1, 2]", '["a", "abc"]', "[1, 2.5, 3u]", "data.l")
        return self._pick(
            lambda inner: f"[{self._any(inner - 1)}, {self._any(inner - 1)}]",
            lambda inner: f"[?{self._of('optional', inner)}, {self._any(inner - 1)}]",
            lambda inner: self._arithmetic("list", inner, "+"),
            lambda inner: self._macro("filter", "bool", inner),
            lambda inner: self._macro("map", self._pick("any", "int", "string"), inner),
            self._split,
        )(depth)

    def _split(self, depth: int) -> str:
        limit = f", {self._pick('0', '1', '2', '-1', 'data.i')}" if self._chance(0.4) else ""
        return f"({self._of('string', depth)}).split({self._of('string', depth)}{limit})"

    def _map(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("{}", '{"a": 1}', "{2: 2, true: 3}", "{1u: 2}", "data.m")
        key = self._of(self._pick("string", "string", "int", "uint", "bool"), depth)
        optional = f', ?"b": {self._of("optional", depth)}' if self._chance(0.3) else ""
        return f"{{{key}: {self._any(depth - 1)}{optional}}}"

    def _timestamp(self, depth: int) -> str:
        literal = f'timestamp("{self._pick(*_TIMESTAMPS)}")'
        if depth <= 0:
            return self._pick(literal, literal, "timestamp(data.w)")
        return self._pick(
            lambda _: literal,
            lambda _: "timestamp(data.w)",
            lambda inner: f"timestamp({self._of('int', inner)})",
            lambda inner: f"({self._of('timestamp', inner)} + {self._of('duration', inner)})",
            lambda inner: f"({self._of('timestamp', inner)} - {self._of('duration', inner)})",
        )(depth)

    def _duration(self, depth: int) -> str:
        literal = f'duration("{self._pick(*_DURATIONS)}")'
        if depth <= 0:
            return literal
        return self._pick(
            lambda _: literal,
            lambda inner: f"({self._of('timestamp', inner)} - {self._of('timestamp', inner)})",
            lambda inner: self._arithmetic("duration", inner, "+", "-"),
        )(depth)

    def _optional(self, depth: int) -> str:
        if depth <= 0:
            return self._pick("data.?i", "data.?zz", "optional.none()", "data.?m.?a", "data.?m.b")
        return self._pick(
            lambda _: f"data.?{self._pick(*FIELDS)}{self._pick('', '.?a', '.a', '[?0]')}",
            lambda inner: f"({self._of('list', inner)})[?{self._of('int', inner)}]",
            lambda inner: f"({self._of('map', inner)})[?{self._of('string', inner)}]",
            lambda inner: f"({self._of('map', inner)}).?{self._pick('a', 'b', 't')}",
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

    # Random choices

    def _pick(self, *options: Any) -> Any:
        return self._random.choice(options)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

"""Random rules and events for the comparison of the index with plain evaluation.

More than the strategies in ``conditions`` it varies names of fields, numbers and strings at the edges,
the number of fields, event types, and rules that watch further events.
"""

import random
from typing import Any

from router.alerts import Severity
from router.cel import Condition, Constant, Names, compile_condition, compile_expression
from router.datatypes import Duration
from router.errors import ConditionError
from router.rules.model import Mode, Rule
from router.rules.state.absent import AbsentFeature, AbsentText
from router.rules.state.feature import StateId
from router.rules.state.features import RuleFeatures
from router.rules.state.resolve import ResolveFeature, ResolveText

_PLAIN = ("a", "b", "c", "status", "n", "tags", "type", "data", "id", "time", "get", "keys")
_STRANGE = (
    "é",
    "a b",
    "a.b",
    "__class__",
    "",
    "\x00",
    "'",
    '"',
    "\\",
    "\n",
    "😀",
    "null",
    "0",
    "In",
)
_WIDE = tuple(f"f{number}" for number in range(60))
TYPES = ("x.y", "x.y.z", "x.z", "x", "y", "é.x", "x.y\x00")
PATTERNS = ("x.y", "x.*", "x*", "*", "x.y.*", "x.y*", "y", "é.*", "x.y.z")
_NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 0.0, -0.0, 1.0, 2.5, -2.5, 1e3, 1000, 1e300, -1e300, 5e-324),
    *(2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 2**63, 2**64, 10**30, 0.1),
)
_TEXTS = (
    *(
        "",
        "a",
        "ab",
        "abc",
        "b",
        "ba",
        "A",
        "ä",
        "é",
        "e\u0301",
        "\x00",
        "a\x00b",
        "\ud800",
        "a\ud800",
    ),
    *(
        "😀",
        "a\nb",
        "\n",
        "a b",
        "a|b",
        "a.b",
        "^a",
        "$",
        "\\",
        "\\d",
        '"',
        "'",
        "1",
        "true",
        "null",
    ),
    *(
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.5+01:00",
        "x" * 300,
        "İ",
        "\u017f",
        "K",
        "[a]",
        "(a)",
    ),
)
_PATTERNS = (
    *(
        "",
        "a",
        "^a",
        "a$",
        "^ab?$",
        "(?i)AB",
        "(?i)k",
        "a|b",
        "^a|b",
        "^(a|b)",
        "^(ab)+",
        "a.b",
        "^ab*c",
    ),
    *(
        "é",
        "^é",
        "\\\\x00",
        "(?s)a.b",
        "(?m)^b",
        "^a\\\\nb",
        "^$",
        "[^a]",
        "^a{0}b",
        "^ab{2}",
        "^a b",
    ),
    *(
        "\\\\pL",
        "^a[b]",
        "\\\\Qa.b\\\\E",
        "^\\\\Qa\\\\E",
        "^a-",
        "^x{3}",
        "\\\\bab",
        "^ab|",
        "()",
        "^1",
        "a\\\\z",
    ),
)
_NAMES: Names = {
    "late": compile_expression('data.status == "late" || data.n < 2'),
    "number": compile_expression("data.n"),
    "first": compile_expression("data.tags[0]"),
    "missing": compile_expression("data.status.nothing"),
    "table": Constant({"a": {"b": 1, "c": "abc"}, "ab": {"b": None}, "1": {}}),
    "listed": Constant(["a", 1, None, True, 2.5, "\x00"]),
    "flag": Constant(True),
}


class IndexCases:
    """Generates rules and events from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._fields: tuple[str, ...] = (*_PLAIN, *_STRANGE)
        if self._chance(0.3):
            self._fields += _WIDE
        self._variables: list[str] = []

    def rules(self, count: int) -> list[Rule]:
        """Return rules; texts that are no conditions are left out."""
        return [self._rule(str(number)) for number in range(count)]

    def event(self) -> dict[str, Any]:
        """Return an event whose fields are often those that conditions read."""
        event: dict[str, Any] = {"id": self._text(), "type": self._pick(*TYPES), "source": "s"}
        if self._chance(0.95):
            event["data"] = self._json(3) if self._chance(0.1) else self._map(4)
        if self._chance(0.5):
            event["time"] = self._text()
        if self._chance(0.3):
            event[self._pick("a", "b", "tags")] = self._json(2)
        return event

    # Rules

    def _rule(self, name: str) -> Rule:
        features = []
        if self._chance(0.15):
            text = ResolveText(events=self._patterns())
            features.append(
                ResolveFeature(text=text, state=StateId(f"r{name}"), condition=self._condition())
            )
        if self._chance(0.15):
            absent = AbsentText(event=self._pick(*PATTERNS[:5]), for_=Duration(60))
            features.append(
                AbsentFeature(text=absent, state=StateId(f"a{name}"), condition=self._condition())
            )
        return Rule(
            name=name,
            description="",
            events=self._patterns(),
            condition=self._condition(),
            severity=Severity.INFO,
            send_to=("noc",),
            summary="",
            mode=Mode.LIVE,
            features=RuleFeatures(features),
        )

    def _patterns(self) -> tuple[str, ...]:
        return tuple(self._pick(*PATTERNS) for _ in range(self._random.randrange(1, 4)))

    def _condition(self) -> Condition | None:
        while not self._chance(0.03):
            try:
                return compile_condition(self._bool(self._random.randrange(4)), _NAMES)
            except ConditionError:
                self._variables.clear()
        return None

    def _bool(self, depth: int) -> str:
        if depth == 0 or self._chance(0.2):
            return self._test()
        one, other = self._bool(depth - 1), self._bool(depth - 1)
        form = self._pick(
            "&&", "&&", "&&", "||", "||", "!", "?", "==", "macro", "macro", "optional"
        )
        if form in {"&&", "||"}:
            more = f" {form} {self._bool(depth - 1)}" * self._random.randrange(2)
            return f"({one} {form} {other}{more})"
        if form == "!":
            return f"!({one})"
        if form == "?":
            return f"({one} ? {other} : {self._bool(depth - 1)})"
        if form == "==":
            return f"(({one}) {self._pick('==', '!=')} ({other}))"
        if form == "optional":
            value = self._pick("true", "false")
            return f"{self._path().replace('data.', 'data.?', 1)}.orValue({value})"
        return self._quantifier(depth)

    def _quantifier(self, depth: int) -> str:
        over = self._path()
        variable = self._pick("v", "w", "data", "event", "a")
        if variable in {"data", "event"} or variable in self._variables:
            variable = "u"
        two = self._chance(0.15)
        self._variables.append(variable)
        body = self._bool(depth - 1)
        self._variables.pop()
        macro = self._pick("exists", "exists", "exists", "all", "all", "exists_one")
        return f"{over}.{macro}({variable}{', z' if two else ''}, {body})"

    def _test(self) -> str:
        path, other = self._path(), self._path()
        literal = self._literal()
        order = self._pick("<", "<=", ">", ">=")
        quoted = self._quoted(self._text())
        return self._pick(
            f"{path} == {literal}",
            f"{literal} == {path}",
            f"{path} != {literal}",
            f"{path} {order} {literal}",
            f"{literal} {order} {path}",
            f"!({path} {order} {literal})",
            f"{path} in [{literal}, {self._literal()}, {self._literal()}]",
            f"!({path} in [{literal}, {self._literal()}])",
            f"{literal} in {path}",
            f"{path} in {other}",
            f"{path}.startsWith({quoted})",
            f"{path}.endsWith({quoted})",
            f"{path}.contains({quoted})",
            f"!{path}.contains({quoted})",
            f"{path}.startsWith({other})",
            f'{path}.matches("{self._pick(*_PATTERNS)}")',
            f'!{path}.matches("{self._pick(*_PATTERNS)}")',
            f"has({path}.{self._pick(*_PLAIN)})",
            f"!has({path}.{self._pick(*_PLAIN)})",
            path,
            f"!{path}",
            f"size({path}) {order} 2",
            f"{path}.size() == 1",
            f"{path} == {other}",
            f"({path} + {other}) == {literal}",
            f"timestamp({path}) {order} timestamp('2026-01-01T00:00:00Z')",
            f"double({path}) {order} {self._pick('0.0', '1e3', '2.5')}",
            f"string({path}) == {quoted}",
            f"type({path}) == {self._pick('int', 'string', 'bool', 'map', 'list', 'double')}",
            f"{path}[0] == {literal}",
            f"{path}.lowerAscii() == {quoted}",
            self._pick(
                "late", "!late", "number > 1", "flag", "!flag", "missing == 1", "first == 'a'"
            ),
            f"{path} in listed",
            f"table[{path}].b == 1",
            f"{path} in table",
            f"{path} == table.a.c",
            self._pick("true", "false", "1 == 1", "1 == 2", "'a' in ['b']", "[1] == [1]"),
        )

    def _path(self) -> str:
        if self._variables and self._chance(0.5):
            path = self._pick(*self._variables)
        else:
            path = self._pick("data", "data", "data", "data", "event.data", "message.data", "event")
        for _ in range(self._random.randrange(1, 3)):
            path += self._step()
        return path

    def _step(self) -> str:
        name = self._pick(*self._fields)
        if name.isidentifier() and name.isascii() and name not in {"null", "In"}:
            return self._pick(f".{name}", f".{name}", f'["{name}"]')
        return f"[{self._quoted(name)}]"

    def _literal(self) -> str:
        kind = self._random.randrange(10)
        if kind < 4:
            return self._quoted(self._text())
        if kind < 8:
            number = self._pick(*_NUMBERS)
            return repr(number) if isinstance(number, float) else str(number)
        return self._pick("true", "false", "null", "2u", 'b"a"', "[1]", "{}", "0x10")

    @staticmethod
    def _quoted(text: str) -> str:
        escaped = (
            each if each.isalnum() and each.isascii() else f"\\U{ord(each):08x}" for each in text
        )
        return f'"{"".join(escaped)}"'.replace("\\U0000d800", "?")

    # Events

    def _map(self, depth: int) -> dict[str, Any]:
        size = self._random.randrange(1, 8)
        names = self._random.sample(self._fields, min(size, len(self._fields)))
        return {name: self._json(depth - 1) for name in names}

    def _json(self, depth: int) -> Any:
        kind = self._random.randrange(12)
        if kind < 4:
            return self._text()
        if kind < 7:
            return self._pick(*_NUMBERS)
        if kind == 7:
            return self._pick(True, False)
        if kind == 8:
            return None
        if depth <= 0:
            return self._pick([], {}, "a")
        if kind == 9:
            return [self._json(depth - 1) for _ in range(self._pick(0, 1, 2, 3, 60))]
        return self._map(depth)

    def _text(self) -> str:
        return self._pick(*_TEXTS)

    def _pick(self, *options: Any) -> Any:
        return self._random.choice(options)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

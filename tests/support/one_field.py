"""Random conditions and events about one field: a bool, number, string or null, or missing.

Python has ``True == 1``, ``1 == 1.0`` and ``-0.0 == 0``; CEL has only the last two. Every table of the
index, and every set or dict of constants, must therefore distinguish bools from numbers.
"""

import json
import random
from typing import Any

MISSING = object()
VALUES = (
    *(True, False, None, MISSING, 0, 1, -1, 2, 0.0, -0.0, 1.0, 1.5, 2**53 + 1, float(2**53)),
    *("", "0", "1", "true", "false", "null", "a", "ab", [], [1], [True, 1.0], {}, {"1": 1}),
)
"""Values of ``data.f`` and of the elements of ``data.l``."""
LITERALS = (
    *("true", "false", "true", "false", "0", "1", "0", "1", "0.0", "1.0", "-0.0", "-1", "2"),
    *("1.5", "9007199254740993", "9007199254740992.0", "null", '""', '"1"', '"true"', '"a"'),
)
BOUNDS = ("0", "1", "-1", "2", "0.0", "-0.0", "1.0", "1.5", '"a"', '"1"', '""', "true", "false")
_ORDER = ("<", "<=", ">", ">=")
_FIELDS = ("data.f", "data.f", "data.f", 'data["f"]', "event.data.f")


class OneField:
    """Generates conditions and events from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def events(self) -> list[dict[str, Any]]:
        """Return one event for each value, and one without data."""
        made = [self._event(value) for value in VALUES]
        return [*made, {"id": "1", "source": "/s", "type": "x", "specversion": "1.0"}]

    def _event(self, value: Any) -> dict[str, Any]:
        data = {} if value is MISSING else {"f": value}
        data["l"] = [each for each in self._random.choices(VALUES, k=2) if each is not MISSING]
        return {"id": "1", "source": "/s", "type": "x", "specversion": "1.0", "data": data}

    def condition(self, depth: int = 3) -> str:
        """Return a condition in CEL with at most ``depth`` nested operators."""
        if depth == 0 or self.chance(0.3):
            return self._test()
        one, other = self.condition(depth - 1), self.condition(depth - 1)
        return self.pick(
            f"({one} || {other})",
            f"({one} || {other})",
            f"({one} && {other})",
            f"!({one})",
            f"({one} ? {other} : {self._test()})",
        )

    def mapping(self) -> dict[str, Any]:
        """Return a condition as ``match``."""
        tests = [{word: self._bound()} for word in (*_ORDER, "==", "!=")]
        tests += [{"in": self._values()}, {"exists": self.chance(0.5)}, {"prefix": "a"}]
        tests += [self.pick(*tests) | self.pick(*tests)]
        wanted = self.pick(self._value(), self._values(), self._values(), self.pick(*tests))
        return {"data.f": wanted, **({"data.l": {"contains": True}} if self.chance(0.1) else {})}

    def _test(self) -> str:
        field, literal = self.pick(*_FIELDS), self.pick(*LITERALS)
        return self.pick(
            f"{field} == {literal}",
            f"{literal} == {field}",
            f"{field} != {literal}",
            f"{field} in [{', '.join(self._several(LITERALS))}]",
            f"{field} in [{', '.join(self._several(LITERALS))}]",
            f"{field} {self.pick(*_ORDER)} {self.pick(*BOUNDS)}",
            f"{self.pick(*BOUNDS)} {self.pick(*_ORDER)} {field}",
            field,
            f"!{field}",
            f"has({self.pick('data.f', 'event.data.f')})",
            f"{field} in [{', '.join([*self._several(LITERALS), field])}]",
            f"{literal} in data.l",
            f"data.l.exists(x, x == {literal} || x)",
            f"!data.l.all(x, x != {literal} && x != {self.pick(*LITERALS)})",
            f'{field}.startsWith("{self.pick("a", "1", "")}")',
            f'{field}.contains("{self.pick("a", "r", "")}")',
        )

    def _several(self, options: tuple[str, ...]) -> list[str]:
        return self._random.choices(options, k=self._random.randrange(4))

    def _value(self) -> Any:
        return json.loads(self.pick(*LITERALS))

    def _values(self) -> list[Any]:
        return [json.loads(text) for text in self._several(LITERALS)]

    def _bound(self) -> Any:
        return json.loads(self.pick(*BOUNDS))

    def pick(self, *options: Any) -> Any:
        """Return one of the options."""
        return self._random.choice(options)

    def chance(self, share: float) -> bool:
        """Return True in this share of calls."""
        return self._random.random() < share

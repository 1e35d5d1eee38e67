"""Random conditions and events, in the part of CEL that we support."""

import random
from typing import Any


class Expressions:
    """Grows expressions from a seed: well-formed, often ill-typed, over fields that may lack."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def event(self) -> dict[str, Any]:
        """Data with some of the fields that expressions read."""
        names = ["a", "b", "c", "n"]
        data = {name: self._json(2) for name in names if self._random.random() < 0.9}
        return {"id": "1", "data": data}

    def condition(self) -> str:
        return self._bool(3)

    def _pick(self, *options: Any) -> Any:
        return self._random.choice(options)

    def _json(self, depth: int) -> Any:
        leaf = [None, True, False, 0, 1, 3, -2, 2.5, 1.0, "", "a", "abc", "Weekly"]
        if depth == 0 or self._random.random() < 0.7:
            return self._pick(*leaf)
        if self._random.random() < 0.5:
            return [self._json(depth - 1) for _ in range(self._random.randrange(3))]
        return {
            self._pick("a", "b"): self._json(depth - 1) for _ in range(self._random.randrange(3))
        }

    def _bool(self, depth: int, variable: str = "") -> str:
        inner = depth - 1
        if depth <= 0:
            return self._pick("true", "false", self._path(variable), self._comparison(0, variable))
        kind = self._random.randrange(9)
        if kind < 2:
            operator = self._pick("&&", "||")
            return f"({self._bool(inner, variable)} {operator} {self._bool(inner, variable)})"
        if kind == 2:
            return f"!({self._bool(inner, variable)})"
        if kind == 3:
            return f"has({self._path(variable)}.{self._pick('a', 'b')})"
        if kind == 4:
            method = self._pick("startsWith", "endsWith", "contains")
            return f"{self._value(inner, variable)}.{method}({self._value(inner, variable)})"
        if kind == 5 and not variable:
            macro = self._pick("all", "exists", "exists_one")
            return f"{self._value(inner, variable)}.{macro}(x, {self._bool(inner, 'x')})"
        if kind == 6:
            return (
                f"({self._bool(inner, variable)} ? {self._bool(inner, variable)}"
                f" : {self._bool(inner, variable)})"
            )
        return self._comparison(inner, variable)

    def _comparison(self, depth: int, variable: str) -> str:
        operator = self._pick("==", "==", "!=", "!=", "<", "<=", ">", ">=", "in")
        return f"({self._value(depth, variable)} {operator} {self._value(depth, variable)})"

    def _value(self, depth: int, variable: str) -> str:
        leaf = self._pick(
            *("0", "1", "3", "-2", "2.5", "1.0", '"a"', '"abc"', '""', "true", "null"),
            *([self._path(variable)] * 9),
        )
        if depth <= 0 or self._random.random() < 0.5:
            return leaf
        inner = depth - 1
        kind = self._random.randrange(6)
        if kind == 0:
            operator = self._pick("+", "-", "*", "/", "%")
            return f"({self._value(inner, variable)} {operator} {self._value(inner, variable)})"
        if kind == 1:
            return f"size({self._value(inner, variable)})"
        if kind == 2:
            return f"[{self._value(inner, variable)}, {self._value(inner, variable)}]"
        if kind == 3:
            return f"{self._path(variable)}[{self._pick('0', '1', chr(34) + 'a' + chr(34))}]"
        if kind == 4 and not variable:
            macro = self._pick("filter", "map")
            body = self._bool(inner, "x") if macro == "filter" else self._value(inner, "x")
            return f"{self._path('')}.{macro}(x, {body})"
        return f"({self._bool(inner, variable)})"

    def _path(self, variable: str) -> str:
        root = variable if variable and self._random.random() < 0.5 else "data.a"
        if root != variable:
            root = f"data.{self._pick('a', 'b', 'c', 'n')}"
        return root + "".join(f".{self._pick('a', 'b')}" for _ in range(self._pick(0, 0, 0, 1)))

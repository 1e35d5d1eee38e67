"""Random expressions have the same values as in Google's C++ implementation, the oracle.

FUZZ_SEED and FUZZ_EVALUATIONS choose another run of the long test.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.expressions import Expressions

from router.cel import (
    ERROR,
    ConditionError,
    Verdict,
    compile_condition,
    compile_expression,
)
from router.cel.values import BoolKey, DurationValue, Optional, TimestampValue, TypeValue, Uint

cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle has no wheel here")
ext_optional = pytest.importorskip("cel_expr_python.ext.ext_optional")
ext_strings = pytest.importorskip("cel_expr_python.ext.ext_strings")

EVENTS_EACH = 8
OPAQUE = "a value that the oracle's binding cannot convert"
NO_ANSWER = "the oracle fails on a field of an optional that is no map"

SEED = int(os.environ.get("FUZZ_SEED", "20251114"))
EVALUATIONS = int(os.environ.get("FUZZ_EVALUATIONS", "500000"))


class Comparison:
    """Compares evaluations, counts them and collects the differences."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.evaluations = 0
        self.errors = 0
        self.refused = 0
        self.differences: list[str] = []
        self._expressions = Expressions(seed)
        self._environment = cel.NewEnv(
            variables=dict.fromkeys(("data", "event", "message"), cel.Type.DYN),
            extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
        )

    def run(self, evaluations: int) -> None:
        while self.evaluations < evaluations:
            grow = self._expressions.expression if self.evaluations % 5 else self._condition
            self._try(grow())

    def run_two_variables(self, evaluations: int) -> None:
        while self.evaluations < evaluations:
            ours, theirs = self._expressions.two_variables()
            self._try(ours, theirs)

    def _try(self, source: str, twin: str = "") -> None:
        try:
            self._compare(source, twin)
        except ConditionError:
            self.refused += 1

    def _condition(self) -> str:
        return self._expressions.condition()

    def _compare(self, source: str, twin: str = "") -> None:
        """Compare one expression. ``twin`` is the oracle's form of it, if it is another."""
        ours = compile_expression(source)
        try:
            verdict = compile_condition(source).verdict
        except ConditionError:  # not a condition, for example a number
            verdict = None
        theirs = self._environment.compile(twin or source, disable_check=True)
        for _ in range(EVENTS_EACH):
            event = self._expressions.event_with_three() if twin else self._expressions.event()
            expected = _oracle(theirs, event)
            if expected is NO_ANSWER:
                continue
            found = _plain(ours.value(event))
            self.evaluations += 1
            self.errors += expected is ERROR
            if not _identical(found, expected):
                self._differs(source, event, found, expected)
            if verdict is not None and verdict(event) is not _verdict(expected):
                self._differs(source, event, verdict(event), expected)

    def _differs(self, source: str, event: Any, found: Any, expected: Any) -> None:
        self.differences.append(
            f"seed {self.seed}: {source}\n  on {event['data']}\n  {found!r}, not {expected!r}"
        )


def _verdict(value: Any) -> Verdict:
    if value.__class__ is not bool:
        return Verdict.ERROR
    return Verdict.MATCH if value else Verdict.NO_MATCH


def _oracle(expression: Any, event: dict[str, Any]) -> Any:
    activation = {"data": event["data"], "event": event, "message": event}
    try:
        value = expression.eval(data=activation)
    except Exception as error:  # noqa: BLE001 - any exception of the binding is an error in CEL
        return NO_ANSWER if "Applying SELECT to non-message type" in str(error) else ERROR
    try:
        name = value.type().name()
        if name == "ERROR":
            return ERROR
        return OPAQUE if name.startswith("TYPE") else value.plain_value()
    except Exception:  # noqa: BLE001 - a list with a type in it
        return OPAQUE


_PLAIN = {
    Uint: int,
    bytes: bytearray,
    Optional: lambda _: OPAQUE,
    TypeValue: lambda _: OPAQUE,
    BoolKey: lambda key: key.value,
    DurationValue: lambda value: timedelta(microseconds=_toward_zero(value.nanoseconds)),
    TimestampValue: lambda value: (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value.nanoseconds // 1000)
    ),
}


def _toward_zero(nanoseconds: int) -> int:
    return abs(nanoseconds) // 1000 * (-1 if nanoseconds < 0 else 1)


def _plain(value: Any) -> Any:
    """Convert our value to the form of the oracle's binding."""
    if isinstance(value, list):
        made = [_plain(each) for each in value]
        return OPAQUE if OPAQUE in made else made
    if isinstance(value, dict):
        inner = {_plain(key): _plain(each) for key, each in value.items()}
        return OPAQUE if OPAQUE in inner.values() else inner
    convert = _PLAIN.get(value.__class__)
    return value if convert is None else convert(value)


def _identical(one: Any, other: Any) -> bool:
    if one is ERROR or other is ERROR:
        return one is other
    return _sorted(one) == _sorted(other)


def _sorted(value: Any) -> str:
    """Return the value as text, with the entries of maps sorted."""
    if isinstance(value, dict):
        return (
            f"{{{', '.join(sorted(f'{key!r}: {_sorted(each)}' for key, each in value.items()))}}}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(_sorted, value))}]"
    return repr(value)


def test_the_values_are_googles() -> None:
    comparison = Comparison(seed=20_261_124)

    comparison.run(6000)

    assert comparison.differences == []
    assert 0.1 < comparison.errors / comparison.evaluations < 0.6
    assert comparison.refused < comparison.evaluations / EVENTS_EACH / 10


def test_a_macro_with_two_variables_is_googles_with_one() -> None:
    comparison = Comparison(seed=20_261_125)

    comparison.run_two_variables(2000)

    assert comparison.differences == []
    assert 0.1 < comparison.errors / comparison.evaluations < 0.7


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_values_are_googles_half_a_million_times() -> None:
    comparison = Comparison(SEED)

    comparison.run(EVALUATIONS)

    assert comparison.differences == []

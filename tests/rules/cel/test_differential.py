"""Random conditions on random events: our verdict is that of Google's C++ implementation."""

import contextlib

import pytest
from support.expressions import Expressions

from router.rules.cel import ConditionError, Verdict, compile_condition

cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle has no wheel here")

EVENTS_EACH = 4


class Comparison:
    """How many verdicts were compared, and where they differ."""

    def __init__(self, seed: int) -> None:
        self.verdicts: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.differences: list[str] = []
        self._expressions = Expressions(seed)
        self._environment = cel.NewEnv(variables={"data": cel.Type.DYN, "event": cel.Type.DYN})

    def run(self, conditions: int) -> None:
        for _ in range(conditions):
            with contextlib.suppress(
                ConditionError
            ):  # refused as no condition: a plain number, say
                self._compare(self._expressions.condition())

    def _compare(self, source: str) -> None:
        ours = compile_condition(source)
        theirs = self._environment.compile(source, disable_check=True)
        for _ in range(EVENTS_EACH):
            event = self._expressions.event()
            expected = self._oracle(theirs, event)
            verdict = ours.verdict(event)
            self.verdicts[expected] += 1
            if verdict is not expected:
                self.differences.append(f"{source} on {event['data']}: {verdict}, not {expected}")

    @staticmethod
    def _oracle(expression: object, event: dict[str, object]) -> Verdict:
        try:
            value = expression.eval(data={"data": event["data"], "event": event}).value()  # type: ignore[attr-defined]
        except Exception:  # noqa: BLE001 - whatever the binding raises is an error of CEL
            return Verdict.ERROR
        return {True: Verdict.MATCH, False: Verdict.NO_MATCH}.get(
            value if isinstance(value, bool) else None, Verdict.ERROR
        )


def test_the_verdicts_are_googles() -> None:
    comparison = Comparison(seed=20_261_124)

    comparison.run(1500)

    assert comparison.differences == []
    assert min(comparison.verdicts.values()) > 200


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(5))
def test_the_verdicts_are_googles_half_a_million_times(seed: int) -> None:
    comparison = Comparison(seed)

    comparison.run(25_500)

    assert comparison.differences == []
    assert sum(comparison.verdicts.values()) >= 100_000

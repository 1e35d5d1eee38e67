"""Macros and their budget."""

from typing import Any

import pytest

from router.cel import limits
from router.cel.loops import Budget, LazyValue, elements, exists, for_all, pairs, select
from router.cel.values import ERROR


@pytest.mark.parametrize(
    ("value", "price"),
    [
        (5, 0),
        ("x" * 1023, 0),
        ("x" * 4096, 4),
        (b"x" * 2048, 2),
        ([0] * 15, 0),
        ([0] * 160, 10),
        ([[0] * 8, {"a": [0] * 6}], 1),
        ([[0] * 16] * 16, 17),
        ({str(number): number for number in range(32)}, 2),
    ],
)
def test_an_argument_costs_by_its_size(value: Any, price: int) -> None:
    budget = Budget()

    assert budget.call(lambda each: each is value, value) is True
    assert budget.remaining == limits.ITERATIONS - price


def test_a_call_over_the_budget_is_not_made() -> None:
    budget = Budget()
    budget.remaining = 1

    assert budget.call(lambda *_: "called", "x" * 1024) == "called"
    assert budget.call(lambda *_: "called", "x" * 1024) is ERROR


def test_a_value_beyond_the_budget_is_not_counted_to_its_end() -> None:
    budget = Budget()
    budget.remaining = 1

    assert budget.call(lambda _: "called", [[0] * 16 for _ in range(1000)]) is ERROR
    assert budget.remaining == 1 - 1000 // 16


@pytest.mark.parametrize(
    ("values", "all_true", "one_true", "selected"),
    [
        ([], True, False, []),
        ([True, True], True, True, [0, 1]),
        ([True, False], False, True, [0]),
        ([False, ERROR], False, ERROR, None),
        ([True, ERROR], ERROR, True, None),
        ([ERROR], ERROR, ERROR, None),
        ([1], ERROR, ERROR, None),
        ([True, None], ERROR, True, None),
    ],
)
def test_quantifiers_absorb_errors_and_selection_does_not(
    values: list[Any], all_true: Any, one_true: Any, selected: list[int] | None
) -> None:
    positions = range(len(values))

    def run(macro: Any) -> Any:
        return macro(positions, values.__getitem__, Budget(), 1)

    assert run(for_all) is all_true
    assert run(exists) is one_true
    assert run(select) == selected


@pytest.mark.parametrize("value", [5, "text", None, ERROR])
def test_only_lists_and_maps_have_items(value: Any) -> None:
    assert elements(value) is None
    assert pairs(value) is None
    assert for_all(elements(value), lambda _: True, Budget(), 1) is ERROR


def test_a_lazy_value_is_evaluated_once() -> None:
    calls: list[int] = []
    lazy = LazyValue(lambda: calls.append(1) or len(calls))

    assert (lazy(), lazy(), calls) == (1, 1, [1])

"""Bins: as near as DDSketch promises, in the order of the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from router.rules.state.sketch import ACCURACY, SMALLEST, bin_at, bin_of, value_of

NUMBERS = st.floats(-1e100, 1e100, allow_nan=False).filter(
    lambda number: number == 0 or abs(number) >= SMALLEST
)


@given(number=NUMBERS)
def test_the_value_of_a_bin_is_within_one_percent_of_its_numbers(number: float) -> None:
    assert abs(value_of(bin_of(number)) - number) <= (ACCURACY + 1e-12) * abs(number)


@given(one=NUMBERS, other=NUMBERS)
def test_a_greater_number_has_no_lower_bin(one: float, other: float) -> None:
    assert bin_of(min(one, other)) <= bin_of(max(one, other))


def test_numbers_that_are_nearly_zero_are_zero() -> None:
    assert bin_of(0.0) == bin_of(-0.0) == bin_of(SMALLEST / 2) == bin_of(-SMALLEST / 2) == 0
    assert value_of(0) == 0
    assert bin_of(-SMALLEST) < 0 < bin_of(SMALLEST)


def test_a_rank_beyond_all_numbers_is_said_otherwise() -> None:
    assert [bin_at({7: 2, -3: 1}, rank, 99) for rank in (1, 2, 3, 4)] == [-3, 7, 7, 99]

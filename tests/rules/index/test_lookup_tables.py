"""A table finds what a comparison with each constant finds."""

import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules.index.atoms import Predicate
from router.rules.index.lookup_tables import prefixes, thresholds

numbers = st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from([2**53, 2**53 + 1, 1e300])
texts = st.text("ab", max_size=5)


@given(constants=st.lists(texts, max_size=12), value=texts)
def test_prefixes_are_found_however_they_nest(constants: list[str], value: str) -> None:
    found: list[int] = []
    prefixes(zip(constants, range(len(constants)), strict=True))(value, found)
    expected = [place for place, each in enumerate(constants) if value.startswith(each)]
    assert sorted(found) == expected


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        (Predicate.BELOW, operator.lt),
        (Predicate.AT_MOST, operator.le),
        (Predicate.ABOVE, operator.gt),
        (Predicate.AT_LEAST, operator.ge),
    ],
)
@given(data=st.data())
def test_thresholds_are_found_on_the_right_side(
    question: Predicate, holds: Callable[[object, object], bool], data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from([numbers, texts]))
    constants = data.draw(st.lists(kind, min_size=1, max_size=12))
    value = data.draw(kind)
    tables = dict(thresholds(question, zip(constants, range(len(constants)), strict=True)))
    found: list[int] = []
    tables[value.__class__](value, found)
    assert sorted(found) == [n for n, each in enumerate(constants) if holds(value, each)]

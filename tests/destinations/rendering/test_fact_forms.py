"""How values are written in the facts of a message."""

from typing import Any

import pytest

from router.destinations.rendering.fact_forms import FactForm, written


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        ("us1", FactForm.TEXT, "us1"),
        (3, FactForm.TEXT, "3"),
        (41.23456, FactForm.TEXT, "41.235"),
        (True, FactForm.TEXT, "true"),
        (["high_jitter", "low_mos"], FactForm.TEXT, "high_jitter, low_mos"),
        ({"a": 1}, FactForm.TEXT, ""),
        (None, FactForm.TEXT, ""),
        (float("inf"), FactForm.TEXT, ""),
        (12.5, FactForm.SECONDS, "12.5 s"),
        (63, FactForm.SECONDS, "1 min 3 s"),
        (120, FactForm.SECONDS, "2 min"),
        (14_461, FactForm.SECONDS, "4 h 1 min"),
        (-1, FactForm.SECONDS, "-1 s"),
        ("soon", FactForm.SECONDS, "soon"),
        (901, FactForm.MILLISECONDS, "901 ms"),
        (2.1, FactForm.PERCENT, "2.1 %"),
        (True, FactForm.PERCENT, "true"),
        ("+442079461234", FactForm.PARTY, "+4420…1234"),
        (10**30, FactForm.SECONDS, "1e+30 s"),
    ],
)
def test_a_value_is_written_as_what_it_means(value: Any, form: FactForm, shown: str) -> None:
    assert written(value, form) == shown


def test_a_whole_number_is_shown_if_that_is_asked_for() -> None:
    assert written("+442079461234", FactForm.PARTY, whole_numbers=True) == "+442079461234"
    assert written("of +442079461234", FactForm.TEXT, whole_numbers=True) == "of +442079461234"

"""Values as the pages write them."""

from collections.abc import Callable
from typing import Any

import pytest

from router.console import page_filters as shown
from router.console.filter_choices import age_choices

NOW = 1_764_000_000.0
ROWS: list[tuple[Callable[..., str], tuple[Any, ...], str]] = [
    (shown.exact_time, (NOW + 0.25,), "2025-11-24 16:00:00.250 UTC"),
    (shown.exact_time, ("2025-11-24T17:00:00+01:00",), "2025-11-24 16:00:00.000 UTC"),
    (shown.exact_time, ("",), ""),
    (shown.exact_time, (1e30,), "9999-12-31 23:59:59.000 UTC"),
    (shown.machine_time, (NOW,), "2025-11-24T16:00:00.000Z"),
    (shown.clock_time, (NOW,), "16:00:00"),
    (shown.clock_time, (0,), ""),
    (shown.ago, (NOW - 0.5, NOW), "now"),
    (shown.ago, (NOW - 59, NOW), "59 s ago"),
    (shown.ago, (NOW + 7200, NOW), "in 2 h"),
    (shown.ago, (NOW - 40 * 86400, NOW), "2025-10-15"),
    (shown.short_id, ("al_0c4211223344556677889900",), "al_0c4211…9900"),
    (shown.short_id, ("short",), "short"),
    (shown.sentence, ("no event is known",), "No event is known."),
    (shown.sentence, ("Give its source.",), "Give its source."),
    (shown.segment, ("a/b c",), "a%2Fb%20c"),
]


@pytest.mark.parametrize(("write", "values", "text"), ROWS)
def test_a_value_is_written(write: Callable[..., str], values: tuple[Any, ...], text: str) -> None:
    assert write(*values) == text


def test_an_age_of_the_address_is_a_choice_too() -> None:
    offered = [("", "any time"), ("1h", "last hour")]

    assert age_choices(offered, "1h") == offered
    assert age_choices(offered, "90m") == [*offered, ("90m", "last 90m")]

"""Text in columns of a terminal."""

import pytest

from router.printable import columns_of
from router.top.text_cells import left, right, shortened_to, sparkline_text


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("週次定例", 5, "週次…"),
        ("週次定例", 4, "週…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("a\nb", 9, r"a\nb"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_text_is_shortened_to_columns(text: str, width: int, shown: str) -> None:
    assert shortened_to(text, width) == shown
    assert columns_of(shown) <= width


def test_columns_are_filled_up() -> None:
    assert left("週", 4) == "週  "
    assert right("週", 4) == "  週"


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [
        ([], 4, ""),
        ([0, 0], 4, "▁▁"),
        ([0, 1, 50, 100], 4, "▁▂▅█"),
        ([9, 9, 0, 4], 2, "▁█"),
        ([1], 0, ""),
    ],
)
def test_values_are_drawn_as_bars(values: list[int], width: int, bars: str) -> None:
    assert sparkline_text(values, width) == bars

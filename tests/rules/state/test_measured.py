"""The figures of a window, in words."""

import pytest

from router.alerts import Measurement
from router.rules.state.measured import measurement, number_text


@pytest.mark.parametrize(
    ("words", "value", "of", "total", "text"),
    [
        ("ratio 600000 41 512", 41 / 512, 41, 512, "41 of 512 in the last 10m, 8.0 %"),
        ("ratio 59000 0 1", 0, 0, 1, "0 of 1 in the last 59s, 0.0 %"),
        ("avg 300000 31.25 40", 31.25, None, 40, "avg 31.25 of 40 events in the last 5m"),
        ("sum 300000 -2 1", -2, None, 1, "sum -2 of 1 event in the last 5m"),
        (
            "spike 900000 100 340",
            3.4,
            100,
            340,
            "340 in the last 15m, 100 in the 15m before, 3.4 times as many",
        ),
        ("spike 900000 0 340", 340, 0, 340, "340 in the last 15m, 0 in the 15m before"),
    ],
)
def test_what_was_measured_is_said(
    words: str, value: float, of: int | None, total: int, text: str
) -> None:
    assert measurement(words.split()) == Measurement(value=value, of=of, total=total, text=text)


def test_a_percentile_is_shown_on_its_side_of_the_threshold() -> None:
    """Mutant: a message that says "p95 149.2" of a rule that notifies above 150."""
    from router.rules.state.sketch import bin_of

    number = str(bin_of(150.3))
    above = measurement(["p95", "300000", number, "40", "above", "150.2"])
    below = measurement(["p95", "300000", number, "40", "below", "150.1"])

    assert above.value >= 150.2
    assert below.value <= 150.1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (31.25, "31.25"),
        (1 / 3, "0.33333"),
        (1234.5678, "1234.6"),
        (123456.7, "123457"),
        (1e99, "1e+99"),
        (1e-7, "1e-07"),
    ],
)
def test_a_number_is_short_for_a_reader(value: float, text: str) -> None:
    assert number_text(value) == text

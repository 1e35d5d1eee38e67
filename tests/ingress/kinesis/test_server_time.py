"""Kinesis's clock, by the date of its responses."""

import pytest

from router.ingress.kinesis.server_time import clock_offset

DATE = "Mon, 30 Nov 2026 12:00:05 GMT"
SHOWN = 1_796_040_005.0


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        # The date may have been any time within its second: the clocks may be equal.
        (0.0, 0.1, 0.0),
        (0.9, 0.95, 0.0),
        (-0.1, 0.0, 0.0),
        # A slow response: it was written at any time since the request.
        (-5.0, 3.0, 0.0),
        # Our clock is ahead by 2 to 3 s.
        (2.9, 3.0, -3.0),
        # Our clock is behind by at least 2 s.
        (-2.1, -2.0, 2.0),
    ],
)
def test_the_clocks_are_equal_unless_the_date_shows_otherwise(
    sent: float, received: float, expected: float
) -> None:
    """Case I5."""
    offset = clock_offset(DATE, sent_at=SHOWN + sent, received_at=SHOWN + received)

    assert offset == pytest.approx(expected)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 12:00:05 GMT"])
def test_a_date_that_is_none_shows_nothing(date: str) -> None:
    assert clock_offset(date, sent_at=SHOWN, received_at=SHOWN) == 0.0

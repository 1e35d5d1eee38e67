"""Quantities as people read them."""

from collections.abc import Callable
from typing import Any

import pytest

from router import quantities as shown


@pytest.mark.parametrize(
    ("write", "values", "text"),
    [
        (shown.duration, (None,), ""),
        (shown.duration, (0.082,), "82 ms"),
        (shown.duration, (4.2,), "4.2 s"),
        (shown.duration, (42.4,), "42 s"),
        (shown.duration, (4800,), "1 h 20 m"),
        (shown.duration, (2 * 86400,), "2 d"),
        (shown.duration, (99 * 86400 + 3600,), "99 d 1 h"),
        (shown.duration, (100 * 86400 + 3600,), "100 d"),
        (shown.number, (1234567,), "1,234,567"),
        (shown.number, (12.42,), "12.4"),
        (shown.number, (0.051,), "0.05"),
        (shown.size, (512,), "512 B"),
        (shown.size, (1536,), "1.5 KiB"),
        (shown.size, (64 << 20,), "64 MiB"),
        (shown.counted, (1, "delivery", "deliveries"), "1 delivery"),
        (shown.counted, (1200, "event"), "1,200 events"),
        (shown.share, (0.654,), "65 %"),
        (shown.milliseconds, (0.00034,), "0.3 ms"),
        (shown.milliseconds, (0.8,), "800 ms"),
    ],
)
def test_a_quantity_is_written(
    write: Callable[..., str], values: tuple[Any, ...], text: str
) -> None:
    assert write(*values) == text

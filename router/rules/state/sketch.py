"""Bins for percentiles: the mapping of DDSketch, whose values are within 1 % of the true ones.

Source: Masson, Rim and Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees", PVLDB 12(12), 2019, sections 2.1 and 2.2: a bin has the values from
gamma^(i-1) to gamma^i, and all of them are within ``ACCURACY`` of the bin's own value. The bins of
sets of values together are the sums of their bins.

The numbers of bins increase with the value: those of positive values are positive, that of zero is
0. They are computed here only, so that no difference between two logarithms can matter.
"""

import math
from collections.abc import Mapping
from typing import Final

ACCURACY: Final = 0.01
"""How far the value of a bin is from those in it, relative to them."""
SMALLEST: Final = 1e-9
"""Values that are nearer to zero than this count as zero."""

_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_BEFORE_FIRST: Final = math.ceil(math.log(SMALLEST) / _LOG_GAMMA) - 1


def bin_of(value: float) -> int:
    """Return the number of the bin of a finite value."""
    if abs(value) < SMALLEST:
        return 0
    number = math.ceil(math.log(abs(value)) / _LOG_GAMMA) - _BEFORE_FIRST
    return number if value > 0 else -number


def value_of(number: int) -> float:
    """Return the value that a bin stands for."""
    if number == 0:
        return 0.0
    size = 2 * math.exp((abs(number) + _BEFORE_FIRST) * _LOG_GAMMA) / (_GAMMA + 1)
    return size if number > 0 else -size


def bin_at(counts: Mapping[int, int], rank: int, otherwise: int) -> int:
    """Return the bin of the value with this rank, from 1 for the least one.

    Args:
        counts: How many values are in each bin.
        rank: The rank.
        otherwise: What is returned if there are fewer values.
    """
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return number
    return otherwise

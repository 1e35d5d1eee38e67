"""Kinesis's clock, as far as its responses show it. Pure.

A shard cannot be read from a time in the future, and Kinesis decides what the future is. Its responses
have a ``Date`` of whole seconds, so that the clocks are taken as equal unless that shows otherwise.
"""

from email.utils import parsedate_to_datetime


def clock_offset(date: str, *, sent_at: float, received_at: float) -> float:
    """Return the seconds by which Kinesis's clock is ahead of ours; negative if it is behind.

    Args:
        date: The ``Date`` header of a response; ``""`` or anything that is none gives 0.
        sent_at: Unix time at which the request was sent, by our clock.
        received_at: Unix time at which the response was there.
    """
    try:
        shown = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    # The header's time was cut to whole seconds, at some time between the two.
    least, most = shown - received_at, shown + 1 - sent_at
    return 0.0 if least <= 0 <= most else least

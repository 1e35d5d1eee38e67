"""The waiting times of a digest's deliveries (pure).

A destination that sends a digest defers its deliveries to the end of a window. Until then they
wait in the journal, in one delivery set for each window. The set's job takes all of them and begins
their attempts at once, so that they leave together. Moving a delivery to another set is one
transaction, so a crash leaves it in exactly one of the two sets.
"""

import math
from collections.abc import Sequence
from typing import Final

from router.alerts import Delivery, is_test
from router.destinations.contract import DestinationConfig
from router.journal import keys
from router.journal.keys import SetId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.settlements import Requeued

RETRY_GRID: Final = 60.0
"""Seconds. Retries of a digest are rounded up to a full minute, so that they leave together."""
JITTER: Final = 1.0
"""Used instead of a random jitter, which would separate the deliveries of a digest."""


def defer_to_window_end(
    set_id: SetId,
    deliveries: Sequence[Delivery],
    config: DestinationConfig,
    *,
    now: float,
    token: LeaseToken = NO_TOKEN,
) -> list[Requeued] | None:
    """Move deliveries that have just arrived to the end of the current window.

    Args:
        set_id: The set that the deliveries are in.
        deliveries: All deliveries of that set.
        config: The destination's configuration.
        now: Unix time in seconds.
        token: The token of the set's lease.

    Returns:
        A move for each delivery; None if they are due now.
    """
    due_at = None if keys.is_digest_set(set_id) else config.due_at(now)
    is_of_test = bool(deliveries) and all(is_test(each.alert) for each in deliveries)
    if due_at is None or is_of_test:  # an operator waits for the mail
        return None
    return [
        Requeued(set_id, delivery, due_at, in_digest=True, token=token, decided_at=now)
        for delivery in deliveries
    ]


def requeue(
    set_id: SetId,
    delivery: Delivery,
    wait: float,
    *,
    now: float,
    in_digest: bool,
    token: LeaseToken = NO_TOKEN,
) -> Requeued:
    """Move a delivery to the set of its next attempt.

    Args:
        set_id: The set that the delivery is in.
        delivery: The delivery, with the number of its next attempt.
        wait: Seconds until that attempt at the earliest.
        now: Unix time in seconds.
        in_digest: Whether the destination sends a digest.
        token: The token of the set's lease.
    """
    due_at = now + wait
    if in_digest:
        due_at = math.ceil(due_at / RETRY_GRID) * RETRY_GRID
    return Requeued(set_id, delivery, due_at, in_digest=in_digest, token=token, decided_at=now)

"""When the deliveries of a destination wait for each other (pure).

A destination that tells many alerts at once (a digest) holds what comes until the end of a span.
Until then deliveries wait in the journal, in one set for each end; the set's job takes them all,
and their attempts, begun at once, leave together. A crash at any moment leaves each delivery in
one set, the old or the new: moving it is one transaction.
"""

import math
from collections.abc import Sequence
from typing import Final

from router.alerts import Delivery
from router.destinations.contract import DestinationConfig
from router.journal import keys
from router.journal.deliveries import PutBack
from router.journal.keys import SetId

RETRY_GRID: Final = 60.0
"""Seconds. What failed together is tried again together: at the next full minute that is due."""
JITTER: Final = 1.0
"""Instead of a random one, which would part them."""


def defer_to_window_end(
    set_id: SetId, deliveries: Sequence[Delivery], config: DestinationConfig, *, now: float
) -> list[PutBack] | None:
    """Where deliveries go that have come before their time; None where it has come."""
    due_at = None if keys.is_gathered(set_id) else config.held_until(now)
    if due_at is None:
        return None
    return [PutBack(set_id, delivery, due_at, together=True) for delivery in deliveries]


def requeue(set_id: SetId, delivery: Delivery, due_at: float, *, together: bool) -> PutBack:
    """Where a delivery goes that is to be attempted again at ``due_at`` (Unix time)."""
    if together:
        due_at = math.ceil(due_at / RETRY_GRID) * RETRY_GRID
    return PutBack(set_id, delivery, due_at, together=together)

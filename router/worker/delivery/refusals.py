"""Refusals that are the destination's fault: when they pause it, and when it is tried again (pure).

A receiver that answers 401 to one delivery answers it to all: the bearer has expired, or a proxy has
lost its route for a minute. Such a refusal makes no dead letter. The delivery is attempted again, and
if the destination accepts nothing in between, it is paused with the reason. While it is paused, single
trials follow, so that it resumes by itself once its fault is corrected.

A refusal may look like that and be the delivery's own, such as a 404 of a URL that contains its key.
Then the destination accepts others meanwhile, and after some attempts the delivery is given up.
"""

from typing import Final

from router.alerts import Delivered, Delivery, Outcome, Refused, uncounted_attempts

MIN_SECONDS: Final = 5.0
"""How long refusals must have lasted before they pause a destination. A deployment may take shorter,
and a burst of deliveries reaches any number of them at once."""
ATTEMPTS: Final = 5
"""Attempts of a delivery that is refused while the destination accepts others."""
FIRST_TRIAL_SECONDS: Final = 60.0
LONGEST_TRIAL_SECONDS: Final = 900.0


class Refusals:
    """The refusals in a row of one destination, as one process sees them.

    Counted by each process for itself: nothing is lost if the count begins again, because these
    refusals make no dead letters.

    Args:
        limit: Refusals in a row that pause the destination; 0 for none, so that each makes a dead
            letter at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._since = 0.0
        self._accepted_at: float | None = None
        self.count = 0
        """Refusals since the destination has accepted something."""

    def record(self, outcome: Outcome, now: float) -> None:
        """Count an outcome. ``now`` is Unix time in seconds."""
        if isinstance(outcome, Delivered) or outcome.reached:
            self.count = 0
            self._accepted_at = now
        elif isinstance(outcome, Refused) and outcome.blames_destination:
            self._since = now if self.count == 0 else self._since
            self.count += 1

    def is_retried(self, delivery: Delivery, outcome: Outcome) -> bool:
        """Return whether a delivery that was refused is attempted again."""
        if not isinstance(outcome, Refused) or not outcome.blames_destination or not self.limit:
            return False
        earlier = uncounted_attempts(delivery)
        if earlier + 1 < ATTEMPTS or self._accepted_at is None:
            return True
        return self._accepted_at <= delivery.failed_attempts[-earlier].at

    def is_pause_due(self, now: float) -> bool:
        """Return whether the destination is to be paused. ``now`` is Unix time in seconds."""
        return 0 < self.limit <= self.count and now - self._since >= MIN_SECONDS


def next_trial(paused_at: float, tried_at: float) -> float:
    """Return when a destination that was paused for its refusals is tried again.

    The times follow from that of the pause alone, so that all processes know them: after a minute,
    then after twice the time each, up to a quarter of an hour.

    Args:
        paused_at: When it was paused, Unix time in seconds.
        tried_at: When it was tried last; ``paused_at`` if it was not.
    """
    wait, trial = FIRST_TRIAL_SECONDS, paused_at + FIRST_TRIAL_SECONDS
    while trial <= tried_at and wait < LONGEST_TRIAL_SECONDS:
        wait = min(2 * wait, LONGEST_TRIAL_SECONDS)
        trial += wait
    if trial <= tried_at:
        trial += LONGEST_TRIAL_SECONDS * (1 + (tried_at - trial) // LONGEST_TRIAL_SECONDS)
    return trial

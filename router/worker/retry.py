"""What follows an attempt: done, again later, or a dead letter. Pure, so it is a table."""

from typing import assert_never

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations import RetryPolicy


class Finished(msgspec.Struct, frozen=True):
    """The receiver has it; nothing follows."""


class TryAgain(msgspec.Struct, frozen=True):
    """Another attempt, not before ``in_seconds`` have passed."""

    in_seconds: float


class GiveUp(msgspec.Struct, frozen=True):
    """No further attempt: the delivery becomes a dead letter."""

    reason: str


Next = Finished | TryAgain | GiveUp


def after(outcome: Outcome, *, attempt: int, policy: RetryPolicy, jitter: float) -> Next:
    """Decide what follows the ``attempt``-th attempt (from 1).

    ``jitter`` is a random number in [0, 1). Full jitter: many deliveries fail together when a
    destination dies, they must not return together. A receiver's own wish (Retry-After) is obeyed
    up to the policy's longest wait.
    """
    match outcome:
        case Delivered():
            return Finished()
        case Refused(reason=reason):
            return GiveUp(reason)
        case Failed(reason=reason) if attempt >= policy.attempts:
            return GiveUp(f"{reason} (attempt {attempt} of {policy.attempts})")
        case Failed(retry_after_seconds=wish):
            wait = jitter * backoff_limit(attempt, policy)
            # A little jitter on top of a wish: everybody who was told "7 seconds" is not to
            # come back in the same millisecond.
            return TryAgain(wait if wish is None else min(wish, policy.longest) + jitter)
        case _:
            assert_never(outcome)


def backoff_limit(attempt: int, policy: RetryPolicy) -> float:
    """The longest wait after the ``attempt``-th attempt, in seconds: it doubles each time."""
    # 2 ** 1000 is no float; nobody waits longer than ``longest`` anyway.
    doublings = min(attempt - 1, 60)
    return float(min(policy.longest, policy.first * 2**doublings))

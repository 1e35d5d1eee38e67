"""What follows an attempt: done, again later, or a dead letter. Pure, so it is a table."""

from typing import Final, assert_never

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.contract import RetryPolicy

_DRAWN_OUT: Final = 0.1
"""The share of a scheduled wait that jitter may add."""


class Finished(msgspec.Struct, frozen=True):
    """The receiver has it; nothing follows."""


class TryAgain(msgspec.Struct, frozen=True):
    """Another attempt, not before ``in_seconds`` have passed."""

    in_seconds: float


class GiveUp(msgspec.Struct, frozen=True):
    """No further attempt: the delivery becomes a dead letter."""

    reason: str


class Disable(msgspec.Struct, frozen=True):
    """The destination is gone: nothing more is sent there, this delivery waits with the others."""

    reason: str


Next = Finished | TryAgain | GiveUp | Disable


def after(outcome: Outcome, *, attempt: int, policy: RetryPolicy, jitter: float) -> Next:
    """Decide what follows the ``attempt``-th attempt (from 1).

    ``jitter`` is a random number in [0, 1). Full jitter: many deliveries fail together when a
    destination dies, they must not return together. A receiver's own wish (Retry-After) is obeyed
    up to the policy's longest wait.
    """
    match outcome:
        case Delivered():
            return Finished()
        case Refused(reason=reason, disables=True):
            return Disable(reason)
        case Refused(reason=reason):
            return GiveUp(reason)
        case Failed(reason=reason) if attempt >= policy.all_attempts:
            return GiveUp(f"{reason} (attempt {attempt} of {policy.all_attempts})")
        case Failed(retry_after_seconds=wish):
            wait = _wait(attempt, policy, jitter)
            # A little jitter on top of a wish: everybody who was told "7 seconds" is not to
            # come back in the same millisecond.
            return TryAgain(wait if wish is None else min(wish, policy.longest) + jitter)
        case _:
            assert_never(outcome)


def _wait(attempt: int, policy: RetryPolicy, jitter: float) -> float:
    if policy.schedule:
        return policy.schedule[attempt - 1] * (1 + _DRAWN_OUT * jitter)
    return jitter * backoff_limit(attempt, policy)


def backoff_limit(attempt: int, policy: RetryPolicy) -> float:
    """The longest wait after the ``attempt``-th attempt, in seconds: it doubles each time."""
    # 2 ** 1000 is no float; nobody waits longer than ``longest`` anyway.
    doublings = min(attempt - 1, 60)
    return float(min(policy.longest, policy.first * 2**doublings))

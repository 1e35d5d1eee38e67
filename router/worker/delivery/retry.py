"""The step after an attempt: the delivery is finished, retried, or given up (pure)."""

from typing import Final, assert_never

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.contract import RetryPolicy

_SCHEDULE_JITTER: Final = 0.1
"""The largest share of a scheduled wait that jitter adds to it."""


class Finished(msgspec.Struct, frozen=True):
    """The receiver has the message; nothing follows."""


class Retry(msgspec.Struct, frozen=True):
    """Another attempt follows, ``in_seconds`` from now at the earliest."""

    in_seconds: float
    counts: bool = True
    """False if the attempt that ended does not use up one of the policy's attempts."""


class GiveUp(msgspec.Struct, frozen=True):
    """No further attempt: the delivery becomes a dead letter."""

    reason: str


class Disable(msgspec.Struct, frozen=True):
    """The receiver is gone: the destination is disabled, and its deliveries wait."""

    reason: str


NextStep = Finished | Retry | GiveUp | Disable


def next_step(
    outcome: Outcome,
    *,
    attempt: int,
    policy: RetryPolicy,
    jitter: float,
    uncounted: int = 0,
    refusal_is_retried: bool = False,
) -> NextStep:
    """Decide what follows an attempt.

    A Retry-After lengthens a wait and never shortens it, because a receiver that is down for an hour
    may answer "1 second" all the time. A throttled attempt does not count, because the receiver will
    take the message later; its wait grows as if it did.

    Args:
        outcome: How the attempt ended.
        attempt: Its number, from 1.
        policy: The destination's retry policy. Its longest wait caps a receiver's Retry-After.
        jitter: A random number in [0, 1]. It spreads the retries of the many deliveries that fail
            together when a destination goes down.
        uncounted: Attempts since the last one that counted.
        refusal_is_retried: Whether a refusal is the destination's fault. The attempt does not count.
    """
    match outcome:
        case Delivered():
            return Finished()
        case Refused(reason=reason, disables=True):
            return Disable(reason)
        case Refused() if refusal_is_retried:
            return Retry(_wait(attempt + uncounted, policy, jitter), counts=False)
        case Refused(reason=reason):
            return GiveUp(reason)
        case Failed(reason=reason, throttled=False) if attempt >= policy.all_attempts:
            return GiveUp(f"{reason} (attempt {attempt} of {policy.all_attempts})")
        case Failed(retry_after_seconds=wish, throttled=throttled):
            wait = _wait(attempt + uncounted, policy, jitter)
            if wish is not None and wish > 0:
                # Up to a second is added, because all senders that were answered "7 seconds" would
                # otherwise return in the same millisecond.
                wait = max(wait, min(wish, policy.longest) + jitter)
            return Retry(wait, counts=not throttled)
        case _:
            assert_never(outcome)


def attempted_once(following: NextStep, outcome: Outcome) -> NextStep:
    """Return what follows the only attempt of a delivery: as ``following``, without a retry."""
    if isinstance(following, Retry) and not isinstance(outcome, Delivered):
        return GiveUp(outcome.reason)
    return following


def backoff_limit(attempt: int, policy: RetryPolicy) -> float:
    """Return the longest wait after an attempt, in seconds: it doubles with each attempt."""
    # Capped, because 2 ** 1000 does not fit a float; ``longest`` is reached far earlier.
    doublings = min(attempt - 1, 60)
    return float(min(policy.longest, policy.first * 2**doublings))


def _wait(attempt: int, policy: RetryPolicy, jitter: float) -> float:
    if policy.schedule:
        scheduled = policy.schedule[min(attempt, len(policy.schedule)) - 1]
        return scheduled * (1 + _SCHEDULE_JITTER * jitter)
    # Equal jitter. With full jitter a wait may be 0, and the time until a delivery is given up would
    # have no lower bound.
    return (1 + jitter) / 2 * backoff_limit(attempt, policy)

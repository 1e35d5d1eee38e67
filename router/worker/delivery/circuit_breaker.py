"""Is a destination down? A circuit for each, in each process. Pure.

Closed, everything goes. Open, nothing does: so a dead destination costs no attempts. Half open,
one delivery is tried; what becomes of it closes the circuit or opens it again, for longer.

Each transition begins a new *term*, and a permit is the term in which an attempt began. An outcome
from an earlier term says nothing any more: twenty time-outs that were under way when the circuit
opened must not count against the trial that follows.
"""

import enum

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.contract import BreakerPolicy


class State(enum.IntEnum):
    """The value is that of ``router_circuit_state``."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Health(enum.Enum):
    """What an outcome says of the destination, not of the one delivery."""

    SOUND = enum.auto()
    UNSOUND = enum.auto()
    UNKNOWN = enum.auto()
    """Nothing: the attempt never got there."""


_REQUEST_TIMEOUT = 408
_SERVICE_NOT_AVAILABLE = 421


def health(outcome: Outcome) -> Health:
    """Down is who cannot be reached, does not answer in time or says that it is in trouble.

    A refusal, 429 and a mail server's 4xx to one mail come from a destination that is up.
    """
    match outcome:
        case Delivered():
            return Health.SOUND
        case Refused(status=status):
            return Health.UNKNOWN if status is None else Health.SOUND
        case Failed(reached=(_, *_)):
            return Health.SOUND  # a mail that some recipients have
        case Failed(status=status):
            trouble = {None, _REQUEST_TIMEOUT, _SERVICE_NOT_AVAILABLE}
            down = status in trouble or (status is not None and status >= 500)
            return Health.UNSOUND if down else Health.SOUND


class Permit(msgspec.Struct, frozen=True):
    """Leave to make one attempt. Whoever has one must say how it ended."""

    term: int
    is_trial: bool


class _Counts:
    """Attempts and failures of the current window and the one before it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.clear(0.0)

    def clear(self, now: float) -> None:
        self._since = now
        self._now = [0, 0]
        self._before = [0, 0]

    def add(self, now: float, *, failed: bool) -> None:
        if now - self._since >= self._seconds:
            was_just_now = now - self._since < 2 * self._seconds
            self._before = self._now if was_just_now else [0, 0]
            self._now, self._since = [0, 0], now
        self._now[0] += 1
        self._now[1] += failed

    def attempts(self) -> int:
        return self._now[0] + self._before[0]

    def share(self) -> float:
        return (self._now[1] + self._before[1]) / max(1, self.attempts())


class CircuitBreaker:
    """The circuit of one destination. Every ``now`` is monotonic, in seconds."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self.state = State.CLOSED
        self._term = 0
        self._until = 0.0
        self._in_a_row = 0
        self._openings = 0
        # The window is two halves, so that it slides by more than nothing.
        self._counts = _Counts(policy.window / 2)

    def wait(self, now: float) -> float:
        """Seconds until an attempt may begin; infinity while a trial is under way."""
        match self.state:
            case State.CLOSED:
                return 0.0
            case State.OPEN:
                return max(0.0, self._until - now)
            case State.HALF_OPEN:
                return float("inf")

    def begin(self, now: float) -> Permit | None:
        """Leave for one attempt, or None. The first after an open time is the trial."""
        if self.wait(now) > 0:
            return None
        if self.state is State.OPEN:
            self._turn(State.HALF_OPEN)
            return Permit(self._term, is_trial=True)
        return Permit(self._term, is_trial=False)

    def end(self, permit: Permit, found: Health, now: float, *, wish: float | None = None) -> bool:
        """Learn from an attempt; whether the state changed.

        ``wish`` is a receiver's Retry-After in seconds. It speaks of the whole destination, so
        that opens the circuit too, but counts as no failure.
        """
        if permit.term != self._term:
            return False
        if wish is not None and wish > 0:
            self._open(now + min(wish, self._policy.longest))
            return True
        if permit.is_trial:
            self._end_trial(found, now)
            return True
        return self._count(found, now)

    def _end_trial(self, found: Health, now: float) -> None:
        match found:
            case Health.SOUND:
                self._openings = 0
                self._in_a_row = 0
                self._counts.clear(now)
                self._turn(State.CLOSED)
            case Health.UNSOUND:
                self._trip(now)
            case Health.UNKNOWN:  # it did not get there: another may try at once
                self._open(now)

    def _count(self, found: Health, now: float) -> bool:
        if found is Health.UNKNOWN:
            return False
        failed = found is Health.UNSOUND
        self._in_a_row = self._in_a_row + 1 if failed else 0
        self._counts.add(now, failed=failed)
        too_many = (
            self._counts.attempts() >= self._policy.attempts
            and self._counts.share() >= self._policy.share
        )
        if self._in_a_row >= self._policy.failures or (failed and too_many):
            self._trip(now)
            return True
        return False

    def _trip(self, now: float) -> None:
        # 2 ** 1000 is no float; nothing stays open for longer than ``longest`` anyway.
        seconds = self._policy.open_for * 2 ** min(self._openings, 60)
        self._openings += 1
        self._open(now + min(seconds, self._policy.longest))

    def _open(self, until: float) -> None:
        self._until = until
        self._turn(State.OPEN)

    def _turn(self, state: State) -> None:
        self.state = state
        self._term += 1

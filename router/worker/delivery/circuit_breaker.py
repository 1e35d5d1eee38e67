"""The circuit breaker of a destination: one for each destination and process (pure).

While the circuit is closed, all attempts go through. While it is open, none does, so a destination
that is down costs no attempts. While it is half open, one trial delivery is attempted: its outcome
closes the circuit, or opens it again for longer.

Each transition begins a new *term*, and a permit carries the term in which its attempt began. An
outcome from an earlier term is ignored: twenty timeouts that were under way when the circuit opened
must not count against the trial that follows.
"""

import enum
from typing import Final

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.contract import BreakerPolicy


class State(enum.IntEnum):
    """The state of a circuit. The value is that of ``router_circuit_state``."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Health(enum.Enum):
    """The state of the destination that an outcome shows, as opposed to the one delivery."""

    SOUND = enum.auto()
    UNSOUND = enum.auto()
    REFUSING = enum.auto()
    """It is up and refuses the attempt for a fault that is not the delivery's."""
    THROTTLED = enum.auto()
    """It is up and asks for fewer attempts."""
    UNKNOWN = enum.auto()
    """The attempt did not reach the destination."""


_THROTTLED_SECONDS: Final = 1.0
"""How long a circuit opens for a 429 without a Retry-After, as most of those say."""
_REQUEST_TIMEOUT = 408
_SERVICE_NOT_AVAILABLE = 421


def health(outcome: Outcome) -> Health:
    """Return what an outcome says about its destination.

    A destination is down if it cannot be reached, does not answer in time or reports trouble of its
    own. A refusal and a mail server's 4xx to one mail come from a destination that is up. A refusal
    that blames the destination shows that others would be refused too, and so does a 429.
    """
    match outcome:
        case Delivered():
            return Health.SOUND
        case Refused(blames_destination=True):
            return Health.REFUSING
        case Refused(status=status):
            return Health.UNKNOWN if status is None else Health.SOUND
        case Failed(reached=(_, *_)):
            return Health.SOUND  # some recipients of the mail were reached
        case Failed(throttled=True):
            return Health.THROTTLED  # a mail server says 421 to the connections that are too many
        case Failed(status=status):
            trouble = {None, _REQUEST_TIMEOUT, _SERVICE_NOT_AVAILABLE}
            down = status in trouble or (status is not None and status >= 500)
            return Health.UNSOUND if down else Health.SOUND


class Permit(msgspec.Struct, frozen=True):
    """The permission to make one attempt. Its holder must call ``end`` with it."""

    term: int
    is_trial: bool


class _Window:
    """Attempts and failures of the current half window and of the one before it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.clear(0.0)

    def clear(self, now: float) -> None:
        self._since = now
        self._current = [0, 0]
        self._previous = [0, 0]

    def add(self, now: float, *, failed: bool) -> None:
        if now - self._since >= self._seconds:
            is_adjacent = now - self._since < 2 * self._seconds
            self._previous = self._current if is_adjacent else [0, 0]
            self._current, self._since = [0, 0], now
        self._current[0] += 1
        self._current[1] += failed

    def attempts(self) -> int:
        return self._current[0] + self._previous[0]

    def failed_share(self) -> float:
        return (self._current[1] + self._previous[1]) / max(1, self.attempts())


class CircuitBreaker:
    """The circuit of one destination. Every ``now`` is monotonic, in seconds."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self.state = State.CLOSED
        self._term = 0
        self._until = 0.0
        self._in_a_row = 0
        self._openings = 0
        self._throttlings = 0
        # Two halves make a sliding window: it forgets a half at a time, not all at once.
        self._window = _Window(policy.window / 2)

    def wait(self, now: float) -> float:
        """Return the seconds until an attempt may begin; infinity while a trial is under way."""
        match self.state:
            case State.CLOSED:
                return 0.0
            case State.OPEN:
                return max(0.0, self._until - now)
            case State.HALF_OPEN:
                return float("inf")

    def begin(self, now: float) -> Permit | None:
        """Return a permit for one attempt, or None. The first after an open time is the trial."""
        if self.wait(now) > 0:
            return None
        if self.state is State.OPEN:
            self._enter(State.HALF_OPEN)
            return Permit(self._term, is_trial=True)
        return Permit(self._term, is_trial=False)

    def require_trial(self, now: float) -> None:
        """Let the next attempt be a trial, unless a trial is due or under way."""
        if self.state is State.CLOSED:
            self._open(now)

    def allow_trial(self, now: float) -> None:
        """Let a trial begin at once if the circuit is open, because an operator asks for it."""
        if self.state is State.OPEN:
            self._until = now

    def end(
        self, permit: Permit, found: Health, now: float, *, retry_after: float | None = None
    ) -> bool:
        """Record how an attempt ended.

        Args:
            permit: The permit with which it began.
            found: The health of the destination by its outcome.
            now: The time at which it ended.
            retry_after: The receiver's Retry-After in seconds. It applies to the whole
                destination, so it opens the circuit for as long, at most for the policy's longest
                time. It lengthens the time for which failures open it and never shortens it.

        Returns:
            Whether the state changed.
        """
        if permit.term != self._term:
            return False
        wish = min(max(0.0, retry_after or 0.0), self._policy.longest)
        if permit.is_trial:
            self._end_trial(found, now, wish)
            return True
        return self._count(found, now, wish)

    def _end_trial(self, found: Health, now: float, wish: float) -> None:
        match found:
            case Health.SOUND if wish > 0:  # it is up and asks for a pause
                self._open(now + wish)
            case Health.SOUND:
                self._openings = self._throttlings = 0
                self._in_a_row = 0
                self._window.clear(now)
                self._enter(State.CLOSED)
            case Health.UNSOUND | Health.REFUSING:
                self._trip(now, wish)
            case Health.THROTTLED:
                self._throttle(now, wish)
            case Health.UNKNOWN:  # it did not reach the destination: another trial may follow
                self._open(now)

    def _count(self, found: Health, now: float, wish: float) -> bool:
        if found is Health.UNKNOWN:
            return False
        failed = found is Health.UNSOUND
        counts = failed or found is Health.REFUSING
        self._in_a_row = self._in_a_row + 1 if counts else 0
        # Refusals among accepted deliveries count as attempts only: they may be due to these.
        self._window.add(now, failed=failed)
        too_many = (
            self._window.attempts() >= self._policy.attempts
            and self._window.failed_share() >= self._policy.share
        )
        if self._in_a_row >= self._policy.failures or (failed and too_many):
            self._trip(now, wish)
            return True
        if found is Health.THROTTLED:
            self._throttle(now, wish)
            return True
        if wish > 0:
            self._open(now + wish)
            return True
        return False

    def _throttle(self, now: float, wish: float) -> None:
        """Open for as long as the receiver asks; without a wish for longer each time."""
        if wish <= 0:
            shortest = min(_THROTTLED_SECONDS, self._policy.open_for)
            wish = min(shortest * 2 ** min(self._throttlings, 60), self._policy.longest)
            self._throttlings += 1
        self._open(now + wish)

    def _trip(self, now: float, wish: float) -> None:
        # Capped, because 2 ** 1000 does not fit a float; ``longest`` is reached far earlier.
        seconds = self._policy.open_for * 2 ** min(self._openings, 60)
        self._openings += 1
        self._open(now + max(wish, min(seconds, self._policy.longest)))

    def _open(self, until: float) -> None:
        self._until = until
        self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self.state = state
        self._term += 1

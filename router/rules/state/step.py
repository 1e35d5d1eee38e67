"""Steps: what a chain is made of, what a step reads and writes, and what a chain results in.

A step either stops its chain, with an outcome, or lets the next step run. Each step stands in the
module of its feature, and the same transition in Lua stands beside it in the file of that name.
"""

import enum
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final, NewType, TypeVar

import msgspec

from router.rules.state.alert_limits import ALERT_LIMITS, AlertLimits
from router.rules.state.look_times import LookTimes

if TYPE_CHECKING:
    from router.rules.state.keyed_alert import OpenedAlert

DAY_MS: Final = 86_400_000
KEYS_LIMIT: Final = 100_000
"""Keys of one state at a time. They come from events, which anyone can send, so they are bounded."""

NEARLY_FULL: Final = 0.8
"""Share of the keys of a state from which the rule's state is nearly full."""

KEYED_ALERTS: Final = "alert"
"""The state of all keyed alerts; the key of a place is the alert's key."""
WORK: Final = "work"
"""The state of records that last as long as a batch or timer; the key is its id."""

Place = tuple[str, str]
"""The position of a record: a state (one feature of one rule), and a key in it (a digest of values)."""

Reason = NewType("Reason", str)
"""Why an alert is suppressed. A label of ``router_alerts_suppressed_total``."""


class Outcome(enum.StrEnum):
    """How a chain ended. The values are stored with the results of open work: do not change them."""

    NOTIFY = "told"
    """No step stopped it: the destinations are notified."""
    SUPPRESSED = "held"
    """The alert is suppressed, for a reason."""
    COUNTED = "counted"
    """There is no alert yet: too few events."""
    PENDING = "pending"
    """The alert's life has begun; no destination is notified unless it goes on for a while."""
    EXPECTED = "expected"
    """There is no alert yet: another event still has time to arrive."""
    GROUPED = "grouped"
    """The alert waits in its group."""
    RESOLVED = "resolved"
    """An alert of which destinations were notified is resolved."""
    ENDED = "ended"
    """Something ended of which no destination was notified."""
    NOTHING = "nothing"


class ChainResult(msgspec.Struct, frozen=True, array_like=True):
    """The result of a chain."""

    outcome: Outcome
    reason: Reason | None = None
    """Why the alert is suppressed, or the event is not measured."""
    count: int = 1
    """Events that brought the alert about."""
    held_back: int = 0
    """Alerts that a cooldown suppressed before this one."""
    first: bool = False
    """True if the step that stopped the chain needs a timer."""
    escalates: bool = False
    """True if an escalation begins, which needs a timer."""
    withdrawn: int = 0
    """Alerts that are resolved before their group was sent."""
    notified: tuple[str, ...] = ()
    """The destinations that were notified of the alert that is resolved."""
    overflowed: bool = False
    """True if a step found no room for its key. It then neither counts, waits nor suppresses."""
    alert: bytes = b""
    """The alert that is resolved, as it was sent."""
    extra: tuple[bytes, ...] = ()
    """Further values that a step returns; the step's own module knows their form."""
    number: int = 0
    """Greater than that of each chain that was decided before, of any work; 0 in a store that does not
    number them."""
    words: tuple[str, ...] = ()
    """The figures of a window, for ``measured.measurement``; empty without one."""

    @property
    def place(self) -> Place | None:
        """Return where the step that needs a timer has stored what waits, from ``extra``.

        It differs from the place of the rule's own step if the rule was changed since the chain was
        decided. None in results that an older version stored.
        """
        return (self.extra[0].decode(), self.extra[1].decode()) if len(self.extra) == 2 else None


class Record(msgspec.Struct):
    """Base of what a feature stores at a place."""

    expires: ClassVar[bool] = True
    """False for a record that stays when its key is evicted from its state."""


R = TypeVar("R", bound=Record)


class Memory:
    """Records of all states in this process, with the bounds that they have in Redis.

    Args:
        keys_limit: Keys of one state at a time.
        alert_limits: Keyed alerts at a time.
    """

    def __init__(
        self, *, keys_limit: int = KEYS_LIMIT, alert_limits: AlertLimits = ALERT_LIMITS
    ) -> None:
        self.keys_limit: Final = keys_limit
        self.alert_limits: Final = alert_limits
        self.acknowledged: Final[dict[str, int]] = {}
        """Alert key -> when it was acknowledged, in Unix ms."""
        self.nearly_full: Final[dict[str, int]] = {}
        """State -> the most keys that it had at a time, if it was nearly full."""
        self.bodies: Final[dict[str, bytes]] = {}
        """Key of a keyed alert -> the alert that its notifications are rendered from."""
        self.looks: Final = LookTimes()
        """When each keyed alert must be judged again."""
        self.alert_counts: Final[Counter[str]] = Counter()
        """Name of a rule -> its keyed alerts."""
        self._records: dict[Place, Record] = {}
        self._keys: dict[str, dict[str, int]] = {}
        """State -> key -> when it expires, in Unix ms."""
        self._count_at: dict[str, int] = {}
        """State -> the number of stored keys at which those that have not expired are counted next."""

    def is_acknowledged(self, alert_key: str, since: int) -> bool:
        """Return whether the alerts with a key were acknowledged since a time in Unix ms."""
        return self.acknowledged.get(alert_key, -1) >= since

    def find(self, place: Place, kind: type[R]) -> R | None:
        """Return the record at a place, None if there is none of this kind."""
        record = self._records.get(place)
        return record if isinstance(record, kind) else None

    def obtain(self, place: Place, kind: type[R]) -> R:
        """Return the record at a place, after adding an empty one if there is none."""
        return self.find(place, kind) or self.put(place, kind())

    def put(self, place: Place, record: R) -> R:
        """Store a record in place of another."""
        self._records[place] = record
        return record

    def drop(self, place: Place) -> None:
        """Remove the record at a place, and its key."""
        self._records.pop(place, None)
        self._keys.get(place[0], {}).pop(place[1], None)

    def expire(self, place: Place, until: int) -> None:
        """Let a key end then, in Unix ms, also if that is earlier than before."""
        keys = self._keys.get(place[0], {})
        if place[1] in keys:
            keys[place[1]] = until

    def forget_alert(self, key: str, rule: str) -> None:
        """Delete a keyed alert of a rule."""
        self._records.pop((KEYED_ALERTS, key), None)
        self.bodies.pop(key, None)
        self.looks.drop(key)
        self.alert_counts[rule] -= 1

    def touch(self, place: Place, *, until: int, now: int) -> bool:
        """Reserve room for a key until then. Return False if its state is full.

        Keys that expired are evicted only when their state is full, as in Redis.
        """
        state, key = place
        keys = self._keys.setdefault(state, {})
        if key not in keys and len(keys) >= self.keys_limit:
            for old in [old for old, expires in keys.items() if expires <= now]:
                self._evict((state, old))
            if len(keys) >= self.keys_limit:
                return False
        is_new = key not in keys
        keys[key] = max(until, keys.get(key, 0))
        if is_new and len(keys) >= NEARLY_FULL * self.keys_limit:
            self._count(state, now)
        return True

    def _count(self, state: str, now: int) -> None:
        """Count the keys that have not expired, each time that a hundredth of the limit was added."""
        keys, step = self._keys[state], max(1, self.keys_limit // 100)
        if len(keys) < self._count_at.get(state, 0) and len(keys) > self._count_at[state] - step:
            return
        self._count_at[state] = len(keys) + step
        used = sum(expires > now for expires in keys.values())
        if used >= NEARLY_FULL * self.keys_limit:
            self.nearly_full[state] = max(used, self.nearly_full.get(state, 0))

    def _evict(self, place: Place) -> None:
        record = self._records.get(place)
        if record is not None and record.expires:
            del self._records[place]
        del self._keys[place[0]][place[1]]


class ChainRun:
    """One run of a chain: the steps read the memory, write to it, and fill in the result."""

    def __init__(self, memory: Memory, *, work: str, alert: bytes, now: int) -> None:
        self.memory: Final = memory
        self.work: Final = work
        """The batch or timer that the chain belongs to."""
        self.alert = alert
        self._alert = alert
        self.now: Final = now
        """Unix milliseconds."""
        self.opened: OpenedAlert | None = None
        """The keyed alert of the chain, after the step that opens it."""
        self.count = 1
        self.held_back = 0
        self.escalates = False
        self.overflowed = False
        self.notified: tuple[str, ...] = ()
        """The destinations that a look notifies, if no step stops the chain."""
        self.extra: tuple[bytes, ...] = ()
        """The ``extra`` of the result, if no step stops the chain."""
        self.is_stored = True
        """False if a second run has the same result without it being stored."""
        self.words: tuple[str, ...] = ()
        self.raised: set[str] = set()
        """The ids of the alerts of rules in lists of ``first_of`` that arose in this work."""
        self.is_back = False
        """True if the figures of a window are back, so that its alert is to be resolved."""
        self.result: ChainResult | None = None

    def measure(self, words: tuple[str, ...]) -> None:
        """Note what was measured in the result, and in the alert for the steps that store it."""
        self.words = words
        if self.alert:
            # In place of the empty list at the end of a ``StoredAlert``.
            self.alert = self._alert[:-1] + msgspec.msgpack.encode(words)

    def touch(self, place: Place, lasts: int) -> bool:
        """Reserve room for a key for ``lasts`` ms. Return False, and note it, if there is none."""
        if self.memory.touch(place, until=self.now + lasts, now=self.now):
            return True
        self.overflowed = True
        return False

    def stop(self, outcome: Outcome, **more: Any) -> bool:
        """End the chain; ``more`` are further fields of its result. Always True."""
        self.result = ChainResult(
            outcome,
            count=self.count,
            held_back=self.held_back,
            escalates=self.escalates,
            overflowed=self.overflowed,
            words=self.words,
            **more,
        )
        return True


def _function_name(class_name: str) -> str:
    """``CheckResolved`` -> ``check_resolved``, the name of the step's function in Lua."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Step(msgspec.Struct, frozen=True, array_like=True, tag=_function_name):
    """Base of all steps.

    Encoded as an array: the name of its function in Lua, then its fields, which are the function's
    arguments.
    """

    def run(self, run: ChainRun) -> bool:
        """Do the step. Return True if it stops the chain."""
        raise NotImplementedError

    def standing(self, memory: Memory) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Return what the step has measured by now, without its event; empty if there is nothing.

        In words for ``measured.measurement``. ``standing.lua`` returns the same of Redis.
        """
        return ()

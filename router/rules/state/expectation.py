"""Records of ``absent``: the event of a key that waits, and the states of a rule in which events wait."""

from typing import ClassVar, Final

import msgspec

from router.alerts import Alert
from router.rules.state.feature import digest
from router.rules.state.step import DAY_MS, ChainRun, Place, Record

STATES: Final = "states"
"""The key of a rule's states; no digest of values is equal to it."""
ROWS: Final = "rows"
"""The key of the rows of a table that a rule expects, likewise."""
ROWS_KEPT_MS: Final = 90 * DAY_MS
"""How long it is stored which rows are expected, after a worker checked."""
WORDINGS_LIMIT: Final = 20
"""Wordings of a rule's ``absent`` whose events are found after it was changed."""


class AwaitedRecord(Record):
    """The event that waits for a key. Times are Unix ms of events; ``answered_until`` is a worker's."""

    pending: str = ""
    """The event that waits. Its timer is set."""
    pending_at: int = 0
    last: str = ""
    """The last one of its key that came while another waited. It waits alone if only that one is
    answered."""
    last_at: int = 0
    last_alert: bytes = b""
    answered: int = 0
    """When the other event happened, the last one."""
    answered_until: int = 0
    """How long that is known."""

    def clear(self) -> None:
        """Let nothing wait."""
        self.pending, self.pending_at = "", 0
        self.last, self.last_at, self.last_alert = "", 0, b""


class States(Record):
    """The states of a rule, one for each wording in which events wait."""

    expires: ClassVar[bool] = False

    until: dict[str, int] = msgspec.field(default_factory=dict)
    """State -> until when events may wait in it, in Unix ms."""

    def add(self, state: str, until: int) -> None:
        """Add a state, and drop the one that ends first if there are too many."""
        self.until[state] = max(until, self.until.get(state, 0))
        if len(self.until) > WORDINGS_LIMIT:
            del self.until[min(self.until, key=lambda old: (self.until[old], old))]


def waiting_elsewhere(run: ChainRun, rule: str, place: Place) -> list[Place]:
    """Return where something waits for the same since before the rule was changed."""
    states = run.memory.find((rule, STATES), States)
    others = (
        [
            (state, place[1])
            for state, until in sorted(states.until.items(), key=lambda each: (each[1], each[0]))
            if state != place[0] and until >= run.now
        ]
        if states is not None
        else []
    )
    return [other for other in others if is_pending(run, other)]


def is_pending(run: ChainRun, place: Place) -> bool:
    record = run.memory.find(place, AwaitedRecord)
    return record is not None and bool(record.pending)


def settle(run: ChainRun, place: Place) -> None:
    """Let nothing wait at a place. What is stored there ends with the answer, if there is one."""
    record = run.memory.obtain(place, AwaitedRecord)
    record.clear()
    if record.answered_until > run.now:
        run.memory.expire(place, record.answered_until)
    else:
        run.memory.drop(place)


class Rows(Record):
    """The rows of a table that a rule expects."""

    expires: ClassVar[bool] = False

    at: dict[str, int] = msgspec.field(default_factory=dict)
    """Key -> when the last set of rows that had it was loaded, in Unix ms."""
    latest: str = ""
    """The digest of the last set of rows that was loaded whole."""


def rule_state(rule: str) -> str:
    """Return the state that all wordings of a rule's ``absent`` share."""
    return f"absent-{digest((rule,))}"


def due_at(alert: Alert, span: float, now: float, tolerance: float) -> float:
    """Return when an absence is judged: ``span`` after its event arrived.

    It has no part of the clock of the sender, which may be off by hours. An event that is evaluated
    late, because there was a backlog, does not wait ``span`` once more, but at least ``tolerance``.
    """
    arrived = min(alert.event_received_at, now)
    return max(arrived + span, now + min(tolerance, span))

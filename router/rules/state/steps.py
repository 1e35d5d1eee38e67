"""What rules remember: transitions of their state, and the answers.

What comes of a match is a chain of steps, decided one after the other until one of them stops it:
*is the count reached? is it silenced? is it told already?* A chain that comes to its end is told.
All chains of a batch are decided in one transaction by a ``Store``: Redis (journal/rule_state.py) or
memory (rules/state/memory_store.py), which give the same answers.

Invariant: a chain is decided once for each piece of work (a batch, a timer). Asked again, after a
crash or by a second worker, the store gives the answer that it gave before. So whatever is run
again tells the same, counts nothing twice, and needs no step that could be undone.

Times are Unix milliseconds. ``at`` is the event's own time, ``now`` the worker's. Places are
names: ``state`` is a feature of a rule, ``key`` a digest of the values of its ``by``.
"""

import enum
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

DAY_MS: Final = 86_400_000
KEYS_LIMIT: Final = 100_000
"""Keys that one feature of one rule keeps at a time; they come from events, that is, from strangers."""
MEMBERS_LIMIT: Final = 20
"""Alerts of a group that are kept; the others are counted."""
OPEN_MEMBERS_LIMIT: Final = 1000
"""Alerts of a group that can be withdrawn when they are resolved before the group is told."""
MARKS_LIMIT: Final = 100
"""Alerts that hold others back for one key, at a time."""


class Reason(enum.StrEnum):
    """Why an alert was held back. A label of ``router_alerts_suppressed_total``."""

    SHADOW = "shadow"
    SILENCED = "silenced"
    MUTED = "muted"
    INHIBITED = "inhibited"
    COOLDOWN = "cooldown"
    RESOLVED = "resolved"
    """It was over before its group was told, or before its event came."""
    RULE_GONE = "rule_gone"
    """Its rule was taken out while it waited."""
    POISON = "poison"
    """It ended three processes while it was to be told; its event is in quarantine."""


class Outcome(enum.StrEnum):
    """What came of a chain."""

    TOLD = "told"
    """It came to its end."""
    HELD = "held"
    """An alert was held back, with a reason."""
    COUNTED = "counted"
    """There is no alert yet: too few events."""
    EXPECTED = "expected"
    """There is no alert yet: another event has time to come."""
    GROUPED = "grouped"
    """The alert waits in its group."""
    RESOLVED = "resolved"
    """An alert that was told is over."""
    ENDED = "ended"
    """Something is over of which nobody was told."""
    NOTHING = "nothing"


class Step(msgspec.Struct, frozen=True, array_like=True):
    """Base of all steps. On the wire an array: the step's name, then its fields in order."""


class Count(Step, frozen=True, array_like=True, tag="count"):
    """Go on when ``at_least`` different events happened within a span; those are then used up.

    Any span that holds this event counts, so the order of arrival does not matter; an event that
    is older than the newest of its key by two spans is dropped.
    """

    state: str
    key: str
    event: str
    at: int
    within: int
    at_least: int


class Expect(Step, frozen=True, array_like=True, tag="expect"):
    """Wait for another event, unless it came within ``for_ms`` before. Always stops."""

    state: str
    key: str
    event: str
    for_ms: int


class Arrive(Step, frozen=True, array_like=True, tag="arrive"):
    """The other event came; it is remembered for ``for_ms``. Always stops."""

    state: str
    key: str
    event: str
    for_ms: int


class Overdue(Step, frozen=True, array_like=True, tag="overdue"):
    """Go on when what ``event`` waits for has not come."""

    state: str
    key: str
    event: str


class Over(Step, frozen=True, array_like=True, tag="over"):
    """Stop where the alert of this key, which began at ``at``, was ended by a ``Resolve`` before."""

    state: str
    key: str
    at: int


class Open(Step, frozen=True, array_like=True, tag="open"):
    """The alert of this key is firing, and can be resolved for ``within``. Never stops."""

    state: str
    key: str
    at: int
    within: int


class Mark(Step, frozen=True, array_like=True, tag="mark"):
    """Suppress other rules' alerts of this key back for ``for_ms``. Never stops.

    If this alert can be resolved (``opened``), they are held back until then at most.
    """

    state: str
    key: str
    for_ms: int
    opened: tuple[str, str] | None
    """State and key of its ``Open``."""


class Inhibited(Step, frozen=True, array_like=True, tag="inhibited"):
    """Stop where one of these places is marked."""

    places: tuple[tuple[str, str], ...]


class Suppress(Step, frozen=True, array_like=True, tag="hold"):
    """Stop, for a reason that was known before."""

    reason: Reason


class Cooldown(Step, frozen=True, array_like=True, tag="cooldown"):
    """Stop where the key was told less than ``for_ms`` before; else say how many were held back."""

    state: str
    key: str
    at: int
    for_ms: int


class Join(Step, frozen=True, array_like=True, tag="join"):
    """Wait in the group of this key, with the chain's alert, which is for ``send_to``. Stops."""

    state: str
    key: str
    opened: tuple[str, str] | None
    """State and key of its ``Open``."""
    send_to: tuple[str, ...]


class Unheard(Step, frozen=True, array_like=True, tag="unheard"):
    """Nobody is told after all of what this timer took from its group. Stops.

    Who was told of an alert by others still is.
    """

    opened: tuple[tuple[str, str], ...] | None
    """State and key of the ``Open`` of each such alert; None for all of the group."""


class Tell(Step, frozen=True, array_like=True, tag="tell"):
    """Keep the chain's alert, which ``send_to`` are told now, for when it is over. Never stops."""

    state: str
    key: str
    send_to: tuple[str, ...]


class Escalate(Step, frozen=True, array_like=True, tag="escalate"):
    """Begin to escalate, unless that goes on already for this key. Never stops."""

    state: str
    key: str
    alert_key: str
    run: str
    for_ms: int


class Escalating(Step, frozen=True, array_like=True, tag="escalating"):
    """Go on where ``run`` still escalates and nobody acknowledged; ``last`` ends it.

    ``send_to`` are told now, of the alert that is open at ``opened``.
    """

    state: str
    key: str
    alert_key: str
    run: str
    last: bool
    opened: tuple[str, str] | None
    send_to: tuple[str, ...]


class Resolve(Step, frozen=True, array_like=True, tag="resolve"):
    """End the alert of this key if it began no later than ``at``. Stops.

    It is remembered for ``lasts``, for alerts that began before ``at`` and come only now (``Over``).
    """

    state: str
    key: str
    at: int
    escalation: tuple[str, str] | None
    """State and key of its ``Escalate``."""
    lasts: int


AnyStep = (
    Count
    | Expect
    | Arrive
    | Overdue
    | Over
    | Open
    | Mark
    | Inhibited
    | Suppress
    | Cooldown
    | Join
    | Unheard
    | Tell
    | Escalate
    | Escalating
    | Resolve
)


class Chain(msgspec.Struct, frozen=True):
    """Steps that belong together. ``id`` is the same whenever the same work is done again."""

    id: str
    steps: tuple[AnyStep, ...]
    alert: bytes = b""
    """The alert in msgpack, for those steps that keep it."""


class ChainResult(msgspec.Struct, frozen=True, array_like=True):
    """What was decided."""

    outcome: Outcome
    reason: Reason | None = None
    count: int = 1
    """Events that brought the alert about."""
    held_back: int = 0
    """Alerts that a cooldown held back before this one."""
    first: bool = False
    """Of its group or expectation, so that a timer must be set."""
    escalates: bool = False
    """Escalation begins, so that a timer must be set."""
    withdrawn: int = 0
    """Alerts that are over before their group was told."""
    told_to: tuple[str, ...] = ()
    """The destinations that were told of the alert that is resolved."""
    overflowed: bool = False
    """Some step found no room for its key: it was left out, or could not count or wait."""
    alert: bytes = b""
    """The alert that is resolved, as it was told."""


class Grouped(msgspec.Struct, frozen=True):
    """An alert that waited in a group."""

    alert: bytes
    held_back: int


class Taken(msgspec.Struct, frozen=True):
    """What waited in a group, oldest first, and how many there were in all."""

    members: tuple[Grouped, ...]
    count: int


class Store(Protocol):
    """Where state is. ``work`` names the batch or timer that asks."""

    def decide(self, work: str, chains: Sequence[Chain], now: int) -> list[ChainResult]:
        """Decide each chain once; asked again, give the same answers."""
        ...

    def take(self, work: str, state: str, key: str) -> Taken:
        """Empty a group. Asked again, give the same. Nothing in it: the group is over."""
        ...

    def forget(self, work: str) -> None:
        """The work is done, its answers are not needed any more."""
        ...


def chain_id(event_key: str, rule: str, part: str) -> str:
    """The id of what comes of an event by one part of a rule."""
    return blake2b(f"{event_key}\x00{rule}\x00{part}".encode(), digest_size=12).hexdigest()

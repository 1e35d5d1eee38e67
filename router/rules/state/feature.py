"""The features of rules: each is one module with its keys in YAML, its steps and its sentences.

``features.FEATURES`` lists them in the order in which an alert meets them. A feature's module has
its YAML Struct, its steps with their transition in memory, its timer if it needs one, and a
subclass of ``Feature`` that says how the parts belong together. The Lua file of the same name has
the same transition in Redis. A new feature is these two files, one line in ``FEATURES`` and one
section of docs/reference/rules.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Final, NewType

import msgspec

from router.alerts import Alert
from router.cel import ERROR, Condition, Expression, as_json
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.decision import DecisionDraft
from router.rules.state.step import ChainResult, Place, Step
from router.rules.state.timer import Timer
from router.rules.suppression.suppressions import Suppression

StateId = NewType("StateId", str)
"""One feature of one rule, in its current wording."""

BY_LIMIT: Final = 20
"""Expressions in one ``by``."""
LONGEST: Final = Duration(366 * 86400.0)
_SHOWN: Final = 200
"""Characters of a value in a sentence."""
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))

_NULL: Final = "null"
By = tuple[Expression, ...]
"""The expressions whose values distinguish one thing from another."""


ByText = Annotated[
    tuple[str, ...], about("Fields, or other CEL expressions, that distinguish events.")
]
"""The YAML type of ``by``."""


class AlertFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts from which the steps of one alert are made."""

    alert: Alert
    content: dict[str, Any]
    """The alert's event, a whole CloudEvent, as Python values."""
    send_to: tuple[str, ...] = ()
    now: float
    """Unix time in seconds."""
    at: int
    """When the event happened, in Unix ms."""
    tolerance_ms: int = 30_000
    """By how much the clocks of senders may differ."""
    event: str = ""
    """The key of the event that arrived; ``""`` for a timer."""
    earlier: tuple[str, ...] = ()
    """The ids of the alerts of the rules that match the event and come first in a list of ``first_of``."""
    is_shadow: bool = False
    suppressed: tuple[Suppression, ...] = ()
    """Why the alert is silenced or muted; empty if that is asked later."""
    is_asked_later: bool = False
    """True if the alert joins a group, so that suppression is asked when the group's message is sent."""
    can_end: bool = False
    """True if the alert can be resolved."""
    later: int = 0
    """When the next of its destinations that is off duty comes on duty, in Unix ms; 0 for never."""
    member: str = ""
    """The event as a member of an alert, by ``measured.member_text``; ``""`` if no step needs it."""
    resolves_when_back: bool = False
    """True if the figures of a window resolve the alert that they raised."""
    remind_ms: int = 0
    """How often destinations are reminded of the alert; 0 for never."""
    bound: tuple[Place, ...] = ()
    """Places that lose their meaning when the alert is resolved."""


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all features, as one rule has them: checked and compiled.

    A subclass sets the class attributes that apply and overrides the methods that it needs.
    """

    key: ClassVar[str] = ""
    """The rule's key in YAML; ``""`` for a feature that is made from something else."""
    purpose: ClassVar[str] = ""
    """The key's description in the JSON Schema."""
    written: ClassVar[Any] = None
    """The type of the key's value in YAML: a Struct, or a list of Structs.

    The fields ``by``, ``when``, ``event``, ``events`` and ``send_to`` mean the same in each
    feature, and are read and checked alike.
    """
    judges: ClassVar[str] = ""
    """The field of the text that is a condition on the rule's own events, read to ``judged``."""
    evaluates: ClassVar[str] = ""
    """The field of the text that is a value of the rule's own events, read to ``evaluated``."""
    evaluates_number: ClassVar[bool] = True
    """False if that value may be anything."""
    later: ClassVar[tuple[str, ...]] = ()
    """Fields of the text that the first versions did not have: without them a rule keeps its state."""
    others: ClassVar[str] = ""
    """The field of the text that has ``when`` and ``events`` of other events; ``""`` if it is the text."""
    items_limit: ClassVar[int] = 0
    """How many Structs a list may have; 0 if the value is no list."""
    excludes: ClassVar[tuple[str, ...]] = ()
    """Keys that a rule cannot have beside this one."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Keys of which a rule must have one beside this one."""
    limits: ClassVar[Mapping[str, int]] = {}
    """Bounds that the feature's Lua reads from ``settings``."""
    timer: ClassVar[type[Timer] | None] = None
    ending: ClassVar[str] = ""
    """The end of a chain's id, for an event that ends something. Stored: do not change it."""
    identity_rank: ClassVar[int | None] = None
    """The ``by`` of the feature with the lowest rank makes the key of a rule's alerts."""
    in_shadow: ClassVar[bool] = True
    """False if an alert of a rule in shadow does not meet the feature."""
    is_last: ClassVar[bool] = False
    """True if an alert meets no further feature after this one."""
    keeps_alert: ClassVar[bool] = False
    """True if a step stores the chain's alert."""
    expects: ClassVar[str] = ""
    """The field of the text that names a table, whose rows are read to ``rows`` of the feature."""
    further_timers: ClassVar[tuple[type[Timer], ...]] = ()
    """Timers beside ``timer``."""
    comes_back: ClassVar[bool] = False
    """True if the feature has figures that cross a threshold, and come back."""
    delays: ClassVar[bool] = False
    """True if a match alone notifies no destination: more events or time must come."""
    tells_group: ClassVar[bool] = True
    """False if its follow-ups do not concern the message of a group."""
    remembers: ClassVar[bool] = True
    """False if the feature has no state."""

    text: Any = None
    """The key's value, as ``written``."""
    by: By = ()
    state: StateId = StateId("")
    condition: Condition | None = None
    """On the feature's own events; None matches each of them."""
    judged: Condition | None = None
    evaluated: Expression | None = None

    @classmethod
    def configure(cls, rule: str, text: Any, by: By, condition: Condition | None) -> "Feature":
        """Make the feature of the rule with this name."""
        return cls(text=text, by=by, state=cls.state_of(rule, text), condition=condition)

    @classmethod
    def check(cls, text: Any) -> None:
        """Check the value of the key, if its type cannot. Raises ValueError."""

    @classmethod
    def state_of(cls, rule: str, text: Any) -> StateId:
        """Return the name of the state of the rule with this name, by the wording."""
        if not cls.later:
            return state_id(rule, cls.key, text)
        fields = msgspec.structs.fields(text)
        wording = {
            field.encode_name: value
            for field in fields
            if (value := getattr(text, field.name)) != field.default or field.name not in cls.later
        }
        return state_id(rule, cls.key, wording)

    @property
    def lasts_ms(self) -> int:
        """How long an alert is open after its last event, by this feature; 0 if it has no life."""
        return 0

    @property
    def pending_ms(self) -> int:
        """How long an alert must be open before destinations are notified; 0 if they are at once."""
        return 0

    @property
    def remind_ms(self) -> int:
        """How often destinations are reminded of an open alert; 0 for never."""
        return 0

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of the destinations that the feature itself names."""
        return ()

    @property
    def precedes(self) -> bool:
        """True if the rule is decided before rules without this, because they depend on it."""
        return False

    @property
    def states(self) -> tuple[str, ...]:
        """The states whose keys come from events, each of which can become full."""
        return (self.state,) if self.state else ()

    @property
    def keeps_events(self) -> bool:
        """True if a step needs the event as a member of the alert that it may bring about."""
        return False

    @property
    def resolves_when_back(self) -> bool:
        """True if the feature resolves the rule's alert when figures are back."""
        return False

    @property
    def events_per_alert(self) -> int:
        """How many events one alert takes."""
        return 1

    @property
    def watched_events(self) -> tuple[str, ...]:
        """Types of the events that end something, exact or with a ``*`` at the end."""
        return ()

    def watched(self, own: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Return ``watched_events``, or the types of the rule's ``own`` events if it watches those."""
        return self.watched_events

    def place(self, content: dict[str, Any]) -> Place:
        """Return the place of the values that an event, a whole CloudEvent, has for ``by``."""
        return self.state, digest(values_of(self.by, content))

    def lacks_key(self, content: dict[str, Any]) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether an event has no value for an expression that pairs it with others.

        Two events without a value have nothing in common. Such an event resolves nothing, and inhibits
        nothing.
        """
        return False

    def older_place(self, content: dict[str, Any]) -> Place | None:  # noqa: ARG002 - for subclasses
        """Return where a version before keyed alerts has stored the alert of an event, if anywhere."""
        return None

    def checks(self, content: dict[str, Any]) -> Iterator[Step]:  # noqa: ARG002 - for subclasses
        """Yield the steps that may suppress an alert of this event when it is about to be notified."""
        return iter(())

    def binds(self, alert: Alert) -> Place | None:  # noqa: ARG002 - for subclasses
        """Return the place that loses its meaning when the alert is resolved, if any."""
        return None

    def loading(self, rule: str, now: float) -> Timer | None:  # noqa: ARG002 - for subclasses
        """Return the timer that is due when the rule with this name is loaded; None for none.

        Its state and key say what is loaded: if that was loaded last, it is not set.
        """
        return None

    def suppression(self, now: float) -> Suppression | None:  # noqa: ARG002 - for subclasses
        """Return why the rule's alerts are suppressed at this moment, whatever their event."""
        return None

    def steps(self, facts: AlertFacts) -> Iterator[Step]:  # noqa: ARG002 - for subclasses
        """Yield the steps of an alert that meets the feature."""
        return iter(())

    def follow_ups(self, facts: AlertFacts) -> Iterator[Step]:  # noqa: ARG002 - for subclasses
        """Yield the steps of an alert that no feature stopped."""
        return iter(())

    def ending_step(self, facts: AlertFacts) -> Step:
        """Return the step of an event that ends something."""
        raise NotImplementedError

    def conclude(
        self, draft: DecisionDraft, alert: Alert, steps: Sequence[Step], result: ChainResult
    ) -> None:
        """Add to the draft what results from the steps, beside a notification or suppression."""

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - for subclasses
        """Yield a sentence for ``explain``, about a match of this event, without asking the store."""
        return iter(())

    def threshold_words(self) -> tuple[str, ...]:
        """Return the figures at which the feature notifies, in the words of the store, for previews."""
        return ()

    def describe_ending(self, content: dict[str, Any]) -> str:
        """Return the sentence for ``explain``, about an event that ends something."""
        raise NotImplementedError


def check_span(name: str, span: Duration) -> None:
    """Check a time to wait. Raises ValueError unless it is over 0s and at most 366 days."""
    if not 0 < span <= LONGEST:
        raise ValueError(f"{name} must be longer than 0s and at most 366d")


def state_id(rule: str, kind: str, text: Any) -> StateId:
    """Return the name of the state of one feature of a rule.

    Another threshold begins with an empty state, because the name is a digest of the wording;
    another description of the rule does not change it.
    """
    wording = msgspec.json.encode((rule, kind, text), enc_hook=str)
    return StateId(blake2b(wording, digest_size=8).hexdigest())


def values_of(by: By, event: dict[str, Any]) -> tuple[str, ...]:
    """Return the values of ``by`` for an event, as JSON; an expression without a value is null.

    5 and 5.0 are the same value, as in CEL.
    """
    return tuple(_as_json(expression.value(event)) for expression in by)


def has_all_values(by: By, event: dict[str, Any]) -> bool:
    """Return whether each expression has a value for an event that is not null."""
    return _NULL not in values_of(by, event)


def digest(values: Sequence[str]) -> str:
    """Return what represents the values in a key, because no key may contain text of an event."""
    return blake2b("\x00".join(values).encode(), digest_size=12).hexdigest()


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, at least 1."""
    return max(1, round(seconds * 1000))


def by_text(by: By, event: dict[str, Any]) -> str:
    """Return `` by data.host="h1", data.region=null``; ``""`` without ``by``."""
    pairs = (
        f"{' '.join(expression.source.split())}={_cut(value)}"
        for expression, value in zip(by, values_of(by, event), strict=True)
    )
    return f" by {', '.join(pairs)}" if by else ""


def span_text(seconds: float) -> str:
    """Return a duration as rules files have it: ``1h30m``, ``500ms``."""
    whole = int(seconds)
    parts = []
    for size, unit in _UNITS:
        if whole >= size:
            parts.append(f"{whole // size}{unit}")
            whole %= size
    rest = round((seconds - int(seconds)) * 1000)
    return "".join([*parts, *([f"{rest}ms"] if rest else [])])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _as_json(value: Any) -> str:
    try:
        value = as_json(value)
        if value is ERROR:
            return "null"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return msgspec.json.encode(value, order="deterministic").decode()
    except (RecursionError, ValueError, TypeError, UnicodeError):
        return "null"  # because it is no JSON, no sender can have meant it

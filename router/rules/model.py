"""A rule: as it is written in YAML, and as it is judged by."""

import enum
import re
from typing import Annotated, Any, Final

import msgspec

from router.alerts import Severity
from router.cel import Condition
from router.rules.labels import NO_NAMING, Naming
from router.rules.routing import RULE, SEVERITY, Recipients, Routing
from router.rules.state.features import (
    AbsentText,
    By,
    CooldownText,
    CountText,
    EscalateText,
    Feature,
    GroupText,
    ResolveText,
)
from router.rules.suppression.inhibitions import Inhibition
from router.rules.suppression.mute_times import MuteTime

NAME_LIMIT: Final = 64
EVENTS_LIMIT: Final = 100
"""Patterns that one rule may have."""
PATTERN_LIMIT: Final = 512
"""Characters of a pattern; no event type is longer."""

NAME_PATTERN: Final = f"^[a-z0-9][a-z0-9-]{{0,{NAME_LIMIT - 1}}}$"
"""Of rules and destinations. A regular expression of the JSON Schema dialect, too."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_EVENTS: Final = re.compile(r"[^\s*\x00-\x1f]+\*?|\*")


class Mode(enum.StrEnum):
    """What comes of a match."""

    LIVE = "live"
    """An alert."""
    SHADOW = "shadow"
    """It is counted and shown, and nobody is told."""


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class LookupText(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """A destination that is looked up in a table."""

    from_: Annotated[
        str, _about("Where its name stands: `tables.TABLE[…].COLUMN`, or a `let` name for a part.")
    ]
    otherwise: Annotated[str, _about("The destination for those of whom the table says nothing.")]


class RuleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is written."""

    name: Annotated[str, _about("Unique: letters a-z, digits and hyphens.", pattern=NAME_PATTERN)]
    description: Annotated[str, _about("Shown with each alert, as it stands.")] = ""
    events: Annotated[
        tuple[str, ...],
        _about("Event types, exact or beginning with what stands before a `*`.", min_length=1),
    ]
    when: Annotated[str | None, _about("A condition in CEL over `event` and `data`.")] = None
    match: Annotated[
        dict[str, Any] | None, _about("A condition as a map of fields and what they must be.")
    ] = None
    severity: Annotated[Severity, _about("How grave the alert is.")] = Severity.WARNING
    let: Annotated[
        dict[str, str],
        _about("Names for expressions in CEL, for the rule's own conditions and templates."),
    ] = {}
    labels: Annotated[
        dict[str, str],
        _about("What routes and silences go by: a text, or `{{ expression }}` in CEL."),
    ] = {}
    send_to: Annotated[
        tuple[str | LookupText, ...],
        _about("Names of destinations, or where to look them up; without it, routes decide."),
    ] = ()
    summary: Annotated[str, _about("The alert's first line: a Jinja2 template.")] = ""
    mode: Annotated[Mode, _about("`shadow` counts matches and tells nobody.")] = Mode.LIVE
    count: Annotated[CountText | None, _about("Tell when so many events came within a time.")] = (
        None
    )
    absent: Annotated[
        AbsentText | None, _about("Tell when an event came and another one did not.")
    ] = None
    cooldown: Annotated[CooldownText | None, _about("Tell once, then be quiet for a time.")] = None
    group: Annotated[GroupText | None, _about("One message for many alerts.")] = None
    resolve: Annotated[ResolveText | None, _about("What ends an alert.")] = None
    escalate: Annotated[
        EscalateText | tuple[EscalateText, ...] | None,
        _about("Who else is told when nobody acknowledges."),
    ] = None
    mute_times: Annotated[
        tuple[str, ...], _about("Names of mute times, in which nobody is told.")
    ] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, checked and compiled."""

    name: str
    description: str
    events: tuple[str, ...]
    """Event types, exact or with a ``*`` at the end."""
    condition: Condition | None
    """None holds for each event of its types."""
    severity: Severity
    send_to: tuple[str, ...]
    """Names of destinations, none twice, where they are the same for each alert; see ``told``."""
    summary: str
    """A Jinja2 template, ``""`` for the plain form."""
    mode: Mode
    count: Feature[CountText] | None = None
    absent: Feature[AbsentText] | None = None
    cooldown: Feature[CooldownText] | None = None
    group: Feature[GroupText] | None = None
    resolve: Feature[ResolveText] | None = None
    escalate: tuple[EscalateText, ...] = ()
    mute_times: tuple[MuteTime, ...] = ()
    inhibits: tuple[Inhibition, ...] = ()
    """Those in which it holds others back."""
    inhibited_by: tuple[Inhibition, ...] = ()

    @property
    def identity(self) -> By | None:
        """What tells the rule's alerts apart; None where each stands alone."""
        for kept in (self.resolve, self.absent, self.cooldown, self.count, self.group):
            if kept is not None:
                return kept.by
        return None

    @property
    def remembers(self) -> bool:
        """Whether what comes of a match depends on what came before, or is kept for later."""
        return (
            self.identity is not None
            or bool(self.escalate)
            or bool(self.inhibits)
            or bool(self.inhibited_by)
        )

    naming: Naming = NO_NAMING
    routing: Routing | None = None
    """Where alerts go if that depends on the event, or routes decide it."""

    def told(self, event: dict[str, Any], labels: dict[str, str]) -> Recipients:
        """Where an alert goes. ``event`` is the whole CloudEvent, ``labels`` are the alert's."""
        if self.routing is None:
            return Recipients(self.send_to)
        return self.routing.told(event, {**labels, SEVERITY: self.severity, RULE: self.name})

    @property
    def watches(self) -> "tuple[EventWatch, ...]":
        """All that the rule looks out for in events, by itself first."""
        watches = [EventWatch(self, Role.RAISES, self.events, self.condition)]
        if self.absent:
            other = (self.absent.text.event,)
            watches.append(EventWatch(self, Role.ENDS_ABSENCE, other, self.absent.condition))
        if self.resolve:
            ends = self.resolve
            watches.append(EventWatch(self, Role.RESOLVES, ends.text.events, ends.condition))
        return tuple(watches)


class Role(enum.Enum):
    """What an event means to a rule when the condition of a watch holds for it."""

    RAISES = "raises"
    """The rule's own ``events`` and ``when``: its alert."""
    ENDS_ABSENCE = "ends absence"
    """What ``absent`` waits for has come."""
    RESOLVES = "resolves"
    """The alert is over."""


class EventWatch(msgspec.Struct, frozen=True):
    """What a rule looks out for: events of these types for which this condition holds."""

    rule: Rule
    role: Role
    events: tuple[str, ...]
    """Event types, exact or with a ``*`` at the end."""
    condition: Condition | None
    """None holds for each event of these types."""


def name_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a rule or destination, and a hint; None for nothing."""
    if len(name) > NAME_LIMIT:
        return f"a name has at most {NAME_LIMIT} characters, this one has {len(name)}", ""
    if _NAME.fullmatch(name):
        return None
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    hint = f'write "{better}"' if better else ""
    return f'"{name}" is no name: a name has only a-z, 0-9 and hyphens', hint


def events_problem(pattern: str) -> tuple[str, str] | None:
    """What is wrong with one of a rule's ``events``, and a hint; None for nothing."""
    if len(pattern) > PATTERN_LIMIT:
        return f"an event type has at most {PATTERN_LIMIT} characters", ""
    if _EVENTS.fullmatch(pattern):
        return None
    if "*" in pattern[:-1]:
        return f'"{pattern}": a `*` can stand at the end only', "list the types one by one"
    return (
        f'"{pattern}" is no event type',
        "types have no spaces, such as com.example.order.created",
    )

"""A file of rule tests, as it is written."""

from typing import Annotated, Any, Final

import msgspec

from router.alerts import AlertStatus, Severity
from router.datatypes import Duration
from router.rules.state.feature import check_span
from router.rules.suppression.silences import SubjectText

STEPS_LIMIT: Final = 1000
"""Steps of one test."""
EVENTS_LIMIT: Final = 10_000
"""Events that one test may send."""
START: Final = "2026-01-01T00:00:00Z"
"""When a test begins unless it says so: a Thursday."""


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that is to come. What is not given may be anything."""

    rule: Annotated[str, _about("The rule that raises it.")]
    send_to: Annotated[
        tuple[str, ...] | None, _about("Exactly these destinations, in any order.")
    ] = None
    summary: Annotated[str | None, _about("The alert's first line, as plain text.")] = None
    severity: Severity | None = None
    status: Annotated[AlertStatus | None, _about("`firing`, or `resolved` when it is over.")] = None
    labels: Annotated[dict[str, str] | None, _about("At least these.")] = None
    values: Annotated[
        dict[str, Any] | None, _about("What `let` names stood for; at least these.")
    ] = None
    count: Annotated[int | None, _about("How many events brought it about.")] = None
    held_back: Annotated[int | None, _about("How many alerts a cooldown held back before it.")] = (
        None
    )
    grouped: Annotated[int | None, _about("How many alerts it stands for.")] = None
    escalation: Annotated[int | None, _about("0 for the first who are told, then 1, 2, …")] = None


_Event = Annotated[
    Any, _about("The name of one of `events`, or a CloudEvent; it needs `type` and `data` only.")
]
_With = Annotated[
    dict[str, Any], _about("Fields that are changed: `data.status: summary_timeout`.")
]
_Without = Annotated[tuple[str, ...], _about("Fields that are taken out: `data.tag_info`.")]
_Expect = Annotated[
    tuple[Expectation, ...] | None,
    _about("All alerts since the last `expect`; an empty list for silence."),
]


class SilenceStep(SubjectText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence that begins with a step; written as in the section `silences`."""

    for_: Annotated[Duration, _about("How long it lasts.")] = msgspec.field(name="for")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_span("for", self.for_)


class CaseStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At a time, people do something, an event comes, and alerts are expected.

    In this order; each of them may be left out.
    """

    at: Annotated[Duration | None, _about("When, from the beginning of the test.")] = None
    after: Annotated[Duration | None, _about("When, from the step before.")] = None
    acknowledge: Annotated[
        str | None, _about("A rule; somebody takes care of all its alerts told so far.")
    ] = None
    silence: SilenceStep | None = None
    event: _Event = None
    with_: _With = msgspec.field(name="with", default_factory=dict)
    without: _Without = ()
    times: Annotated[int, _about("How many such events come, each with an id of its own.")] = 1
    every: Annotated[Duration, _about("The time between them.")] = Duration(0)
    expect: _Expect = None

    def __post_init__(self) -> None:
        if self.at is not None and self.after is not None:
            raise ValueError("after: a step has one time, `at` or `after`")
        if not 1 <= self.times <= EVENTS_LIMIT:
            raise ValueError(f"times is at least 1 and at most {EVENTS_LIMIT}")
        if self.event is None and (self.with_ or self.without or self.times > 1):
            raise ValueError("a step without an event changes nothing: name its event")


class CaseText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test: one event and what it brings about, or several steps."""

    name: Annotated[str, _about("What it shows, as a sentence.", min_length=1)]
    rules: Annotated[
        tuple[str, ...], _about("The rules it is about; alerts of others are left out.")
    ] = ()
    clock: Annotated[str, _about("When it begins, in RFC 3339, in quotes.")] = START
    event: _Event = None
    with_: _With = msgspec.field(name="with", default_factory=dict)
    without: _Without = ()
    expect: _Expect = None
    steps: tuple[CaseStep, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is empty, say what the test shows")
        if self.steps and (self.event is not None or self.expect is not None):
            raise ValueError("steps: a test has either one event or steps")
        if len(self.steps) > STEPS_LIMIT:
            raise ValueError(f"steps: at most {STEPS_LIMIT}")
        steps = self.steps or (self.single,)
        if all(step.expect is None for step in steps):
            raise ValueError("the test expects nothing: write `expect: []` for silence")

    @property
    def single(self) -> CaseStep:
        """The step of a test that has one event only."""
        return CaseStep(
            event=self.event, with_=self.with_, without=self.without, expect=self.expect
        )


class TestsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tests of rules."""

    events: Annotated[
        dict[str, Any],
        _about("Events that tests name: a CloudEvent, or `{file: PATH}` with one in JSON."),
    ] = {}
    tests: tuple[CaseText, ...]

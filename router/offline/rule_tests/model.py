"""A file of rule tests, in its YAML form."""

from typing import Annotated, Any, Final

import msgspec

from router.alerts import AlertStatus, Severity
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import check_span
from router.rules.suppression.silences import SubjectText

STEPS_LIMIT: Final = 1000
"""Steps of one test."""
EVENTS_LIMIT: Final = 10_000
"""Events that one step may send."""
START: Final = "2026-01-01T00:00:00Z"
"""When a test begins by default: a Thursday."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that is expected. Keys that are not given may have any value."""

    rule: Annotated[str, about("The rule that raises it.")]
    send_to: Annotated[
        tuple[str, ...] | None, about("Exactly these destinations, in any order.")
    ] = None
    summary: Annotated[str | None, about("The alert's first line, as plain text.")] = None
    severity: Severity | None = None
    status: Annotated[AlertStatus | None, about("`firing` or `resolved`.")] = None
    labels: Annotated[dict[str, str] | None, about("At least these.")] = None
    values: Annotated[
        dict[str, Any] | None, about("The values of `let` names; at least these.")
    ] = None
    count: Annotated[int | None, about("How many events brought it about.")] = None
    held_back: Annotated[int | None, about("How many alerts were suppressed before it.")] = None
    held_because: Annotated[
        tuple[str, ...] | None, about("Exactly these reasons for that, such as `muted`.")
    ] = None
    reminder: Annotated[int | None, about("The number of a reminder; 0 for other messages.")] = None
    measure: Annotated[
        dict[str, Any] | None,
        about("What it measured: `value`, `of`, `total` or `text`; at least these."),
    ] = None
    members: Annotated[
        tuple[str, ...] | None,
        about("The summaries of exactly these further alerts or events, in any order."),
    ] = None
    grouped: Annotated[int | None, about("How many alerts it represents.")] = None
    escalation: Annotated[int | None, about("0 for the rule's own destinations, then 1, 2, …")] = (
        None
    )


_Event = Annotated[
    Any, about("The name of one of `events`, or a CloudEvent; it needs `type` and `data` only.")
]
_With = Annotated[dict[str, Any], about("Fields to change: `data.status: summary_timeout`.")]
_Without = Annotated[tuple[str, ...], about("Fields to remove: `data.tag_info`.")]
_Expect = Annotated[
    tuple[Expectation, ...] | None,
    about("All alerts since the last `expect`; an empty list for none."),
]


class SilenceStep(SubjectText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence that begins with a step; keys as in the section `silences`."""

    for_: Annotated[Duration, about("How long it lasts.")] = msgspec.field(name="for")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_span("for", self.for_)


class CaseStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At a time, operators act, an event comes, and alerts are expected.

    In this order; each of them may be left out.
    """

    at: Annotated[Duration | None, about("When, from the beginning of the test.")] = None
    after: Annotated[Duration | None, about("When, from the previous step.")] = None
    acknowledge: Annotated[
        str | None, about("A rule; an operator acknowledges all its alerts that were sent so far.")
    ] = None
    silence: SilenceStep | None = None
    event: _Event = None
    with_: _With = msgspec.field(name="with", default_factory=dict)
    without: _Without = ()
    times: Annotated[int, about("How many such events come, each with its own id.")] = 1
    every: Annotated[Duration, about("The time between them.")] = Duration(0)
    expect: _Expect = None

    def __post_init__(self) -> None:
        if self.at is not None and self.after is not None:
            raise ValueError("after: a step has one time, `at` or `after`")
        if not 1 <= self.times <= EVENTS_LIMIT:
            raise ValueError(f"times is at least 1 and at most {EVENTS_LIMIT}")
        if self.event is None and (self.with_ or self.without or self.times > 1):
            raise ValueError("a step without an event changes nothing: name its event")


class CaseText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test: one event and the alerts that result from it, or several steps."""

    name: Annotated[str, about("What it shows, as a sentence.", min_length=1)]
    rules: Annotated[
        tuple[str, ...], about("The rules it is about; alerts of others are left out.")
    ] = ()
    clock: Annotated[str, about("When it begins, in RFC 3339, in quotes.")] = START
    event: _Event = None
    with_: _With = msgspec.field(name="with", default_factory=dict)
    without: _Without = ()
    expect: _Expect = None
    steps: tuple[CaseStep, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is empty, write what the test shows")
        if self.steps and (self.event is not None or self.expect is not None):
            raise ValueError("steps: a test has either one event or steps")
        if len(self.steps) > STEPS_LIMIT:
            raise ValueError(f"steps: at most {STEPS_LIMIT}")
        steps = self.steps or (self.single,)
        if all(step.expect is None for step in steps):
            raise ValueError("the test expects nothing: write `expect: []` for no alert")

    @property
    def single(self) -> CaseStep:
        """The step of a test that has only one event."""
        return CaseStep(
            event=self.event, with_=self.with_, without=self.without, expect=self.expect
        )


class TestsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tests of rules."""

    events: Annotated[
        dict[str, Any],
        about("Events that tests name: a CloudEvent, or `{file: PATH}` with one in JSON."),
    ] = {}
    tests: tuple[CaseText, ...]

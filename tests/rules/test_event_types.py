"""Which events a rule may meet, and what is said of a condition that meets several sorts."""

import msgspec
import pytest

from router.cel import compile_condition, compile_expression
from router.rules import event_types as shapes
from router.rules.event_types import problems_of, problems_on_sides

CONFERENCE_SUMMARY_COMPLETE = "com.twilio.voice.insights.conference-summary.complete"
SUMMARIES = "com.twilio.voice.insights.conference-summary.*"


class Order(msgspec.Struct):
    status: str
    total: int


class Refund(msgspec.Struct):
    status: str
    reason: str


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"com.example.shop.order": Order, "com.example.shop.refund": Refund}
    monkeypatch.setattr(shapes, "SCHEMAS", known)
    monkeypatch.setattr(shapes, "KNOWN_TYPES", tuple(known))
    monkeypatch.setattr(shapes, "_families", lambda: {"com.example.shop."})
    shapes.shapes.cache_clear()


@pytest.mark.parametrize(
    ("events", "is_known"),
    [
        ([CONFERENCE_SUMMARY_COMPLETE], True),
        ([SUMMARIES], True),
        (["com.twilio.voice.insights.conference-summary.c*"], True),
        (["com.twilio.voice.insights.conference-summary.other"], False),
        (["com.twilio.voice.insights.conference-summary.o*"], False),
        (["com.twilio.voice.insights.conference-summary*"], False),
        (["com.twilio.voice.*"], False),
        (["com.twilio.taskrouter.*"], True),
        (["com.twilio.taskrouter*"], False),
        (["com.twilio.messaging.*"], False),
        (["com.twilio.*"], False),
        (["*"], False),
        ([], False),
    ],
)
def test_a_field_is_looked_up_where_all_events_are_known(events: list[str], is_known: bool) -> None:  # noqa: FBT001 - a column of a table
    assert bool(problems_of(compile_condition("data.statuss == 'x'"), events)) is is_known


@pytest.mark.parametrize(
    ("event", "condition", "hint"),
    [
        ("call-metrics.gateway", "data.carrier_edge.interval.packets_los > 1", "packets_lost"),
        ("call-metrics.gateway", "data.carier_edge.interval.packets_lost > 1", "carrier_edge"),
        ("call-metrics.sdk", "data.sdk_edge.interval.moss.value < 3.5", "mos"),
        ("call-metrics.*", "data.direction == 'inbund'", "inbound"),
        ("participant-summary.complete", "data.quality_issue > 0", "quality_issues"),
        ("conference-participant-summary.complete", "data.quality_issue > 0", "quality_issues"),
        ("participant-summary.complete", "data.metrics.inbound.jiter.avg > 30", "jitter"),
    ],
)
def test_a_misspelt_field_of_twilios_types_is_found(event: str, condition: str, hint: str) -> None:
    """Case I16."""
    (problem,) = problems_of(compile_condition(condition), [f"com.twilio.voice.insights.{event}"])

    assert hint in problem.message + problem.hint


@pytest.mark.parametrize(
    ("event", "condition", "hint"),
    [
        ("messaging.message.failed", "data.errorCod == 30008", "errorCode"),
        ("messaging.message.*", "data.messageStatus == 'failed'", "FAILED"),
        ("messaging.inbound-message.received", "data.numberOfSegments > 1", "numSegments"),
        ("error-logs.error.logged", "data.error_code == 11200", "text"),
        ("taskrouter.task-queue.*", "data.payload.task_agee > 60", "task_age"),
        ("taskrouter.task.*", "data.payload.task_assignment_status == 'cancelled'", "canceled"),
    ],
)
def test_a_misspelt_field_of_other_products_is_found(event: str, condition: str, hint: str) -> None:
    (problem,) = problems_of(compile_condition(condition), [f"com.twilio.{event}"])

    assert hint in problem.message + problem.hint


def test_a_documented_type_without_a_schema_is_not_checked() -> None:
    types = ("com.twilio.apiusage.taskrouter.ratelimits",)

    assert shapes.unchecked(types) == types
    assert problems_of(compile_condition("data.anything == 1"), types) == []


def test_the_envelope_is_known_and_its_extensions_are_not() -> None:
    assert problems_of(compile_condition("event.tenant > 3"), ["*"]) == []
    (problem,) = problems_of(compile_condition("event.type > 3"), ["*"])
    assert problem.message == "event.type is text and 3 is a number, `>` is never true"
    (problem,) = problems_of(compile_condition("message.data.statuss == 3"), [SUMMARIES])
    assert problem.message == 'message.data has no field "statuss"'


@pytest.mark.usefixtures("shop")
def test_what_some_events_have_and_others_have_not_is_a_warning() -> None:
    events = ["com.example.shop.*"]
    (problem,) = problems_of(compile_condition("data.total > 3"), events)
    assert problem.is_warning
    assert problem.message == 'data has no field "total" in events of type com.example.shop.refund'


def test_what_is_wrong_for_known_events_beside_unknown_ones_is_a_warning() -> None:
    events = [SUMMARIES, "com.example.other"]
    (problem,) = problems_of(compile_condition("data.statuss == 'x'"), events)
    assert problem.is_warning


@pytest.mark.usefixtures("shop")
def test_what_no_event_has_is_an_error() -> None:
    (problem,) = problems_of(compile_condition("data.statsu == 'x'"), ["com.example.shop.*"])
    assert not problem.is_warning


@pytest.mark.usefixtures("shop")
def test_a_condition_that_asks_for_the_type_knows_what_it_does() -> None:
    source = "event.type == 'com.example.shop.order' && data.total > 3"
    assert problems_of(compile_condition(source), ["com.example.shop.*"]) == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("data.status", []),
        ("data.totl", ['data has no field "totl"']),
        ("data.reason", ['data has no field "reason" in events of type com.example.shop.order']),
        ("has(data.reason) ? data.reason : data.status", []),
        ('event.type.endsWith("order") ? data.total : data.reason', []),
        ("data.?reason.orValue(data.status)", []),
    ],
)
def test_values_that_are_compared_are_asked_of_both_sorts_of_events(
    text: str, messages: list[str]
) -> None:
    sides = [("com.example.shop.order",), ("com.example.shop.refund",)]
    problems = problems_on_sides(compile_expression(text), sides)
    assert [problem.message for problem in problems] == messages
    assert not any(problem.is_warning for problem in problems)


@pytest.mark.usefixtures("shop")
def test_a_side_of_which_nothing_is_known_excuses_no_slip_on_the_other() -> None:
    sides = [("com.example.shop.order",), ("com.example.other",), ()]
    (problem,) = problems_on_sides(compile_expression("data.totl"), sides)
    assert problem.message == 'data has no field "totl" in events of type com.example.shop.order'

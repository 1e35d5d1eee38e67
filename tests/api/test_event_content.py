"""What is certain of a condition without the fields that history has not, or only masked."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conditions import NAMES, conditions, events
from support.expressions import FIELDS, Expressions

from router.api.event_content import EventContent
from router.api.event_views import PartResult
from router.cel import Condition, compile_condition
from router.cel.deciding_part import condition_parts
from router.cel.paths_read import paths_read
from router.errors import ConditionError
from router.events.masks import Masks
from router.history.kept_fields import NOTHING_KEPT, KeptFields

TRUE, FALSE, UNKNOWN, NOTHING = (
    PartResult.TRUE,
    PartResult.FALSE,
    PartResult.UNKNOWN,
    PartResult.NOTHING,
)
RESULTS = {True: TRUE, False: FALSE}


def results(source: str, content: EventContent) -> list[PartResult]:
    condition = compile_condition(source, NAMES)
    return [content.result(part) for part in condition_parts(condition, content.certain())]


MASKED = {
    "data": {
        "from": "***",
        "caller": "***",
        "legs": [{"to": "***", "muted": False}],
        "tags": ["a", "***"],
        "raw": '{"from":"***"}',
        "n": 1,
    }
}
CUT = {"data": {"n": 1, "text": "", "list": [], "object": {"a": 1}}}


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ('data.?from.orValue("") == "+1"', UNKNOWN),
        ('has(data.from) && data.from == "+1"', UNKNOWN),
        ('!(has(data.from) && data.from == "+1")', UNKNOWN),
        ('data.legs.exists(leg, has(leg.to) && leg.to == "+1")', UNKNOWN),
        ('data.exists(name, data[name] == "+1")', UNKNOWN),
        ('data == {"n": 1}', UNKNOWN),
        ('"b" in data.tags', UNKNOWN),
        ('data.caller.number == "+1"', UNKNOWN),
        ('data.raw.contains("+1")', UNKNOWN),
        ("data.legs.exists(leg, leg.muted)", FALSE),
        ('data.n == 1 || data.from == "+1"', TRUE),
        ("data.absent == 1", NOTHING),
    ],
)
def test_a_masked_value_is_no_value(source: str, result: PartResult) -> None:
    assert result in results(source, EventContent(full=MASKED, is_masked=True))


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("data.n == 2", FALSE),
        ("data.absent == 1", UNKNOWN),
        ("has(data.absent)", UNKNOWN),
        ('data.text == ""', UNKNOWN),
        ("data.list.all(each, each > 1)", UNKNOWN),
        ("size(data.object) == 1", UNKNOWN),
        ("data.object.exists(name, name == 'b')", UNKNOWN),
    ],
)
def test_what_was_cut_may_have_been_there(source: str, result: PartResult) -> None:
    assert results(source, EventContent(full=CUT, is_cut=True)) == [result]


MASKS = st.lists(
    st.sampled_from(["data.a", "data.b", "data.c", "data.a.b", "data.*", "data.a[*].b", "data"]),
    min_size=1,
    max_size=2,
)


@given(conditions, conditions, events, MASKS)
def test_a_random_condition_is_never_said_to_be_what_it_was_not(
    source: str, other: str, event: dict[str, Any], masks: list[str]
) -> None:
    _check(source, other, event, masks)


@given(st.integers(0, 2**32), st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=3))
def test_nor_is_one_of_the_whole_language(seed: int, masked: list[str]) -> None:
    generated = Expressions(seed)
    for _ in range(2):
        source, other = generated.condition(), generated.condition()
        _check(source, other, generated.event(), [f"data.{name}" for name in masked])


def _check(source: str, other: str, event: dict[str, Any], masks: list[str]) -> None:
    try:
        condition = compile_condition(source, NAMES)
        others = paths_read(compile_condition(other, NAMES).tree)
        event = msgspec.json.decode(msgspec.json.encode(event))
    except (ConditionError, msgspec.MsgspecError, TypeError):
        return
    few = KeptFields(others).of(event)
    for kept in (event, few, NOTHING_KEPT.of(event)):
        is_cut = kept is not event
        masked = Masks.parse(masks).applied(kept)
        for content in (
            EventContent(full=kept, is_cut=is_cut),
            EventContent(full=masked, is_cut=is_cut, is_masked=masked is not kept),
        ):
            _agrees(condition, event, content)


def _agrees(condition: Condition, event: dict[str, Any], content: EventContent) -> None:
    truths = condition_parts(condition, event)
    for truth, part in zip(truths, condition_parts(condition, content.certain()), strict=True):
        result = content.result(part)
        is_bool = truth.value.__class__ is bool
        assert result in (UNKNOWN, RESULTS[truth.value] if is_bool else NOTHING), (
            condition.source,
            event,
            content,
        )

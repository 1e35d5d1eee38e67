"""One event on one screen: the rules nearest to a match come with their parts, the others by name."""

from router.api.event_views import (
    ConditionPartView,
    EventDetails,
    EventState,
    EventView,
    PartResult,
    RuleOutcomeView,
    RuleVerdict,
)
from router.cli.event_text import event_lines

EVENT = EventView(
    reference="0" * 16,
    position="1.0.0",
    id="E1",
    source="s",
    type="a",
    subject="",
    time="",
    received_at="2026-11-30T12:00:00.000Z",
    finished_at="2026-11-30T12:00:00.000Z",
    outcome="filtered",
    reason="",
    rules=(),
    matches=(),
    generation="g",
    kept="full",
    is_masked=False,
)


def missed(name: str, *results: PartResult) -> RuleOutcomeView:
    verdict = RuleVerdict.NOT_MATCHED if PartResult.FALSE in results else RuleVerdict.ERROR
    parts = tuple(
        ConditionPartView(text=f"{name} part", result=each, values="", decides=False)
        for each in results
    )
    return RuleOutcomeView(rule=name, verdict=verdict, text="", parts=parts)


def test_the_nearest_rules_are_shown_and_the_others_named() -> None:
    near = [missed(f"near-{n}", PartResult.TRUE, PartResult.FALSE) for n in range(6)]
    far = missed("far", PartResult.FALSE, PartResult.FALSE)
    broken = missed("broken", PartResult.NOTHING, PartResult.NOTHING)
    details = EventDetails(
        state=EventState.EVALUATED,
        summary="No alert came of it.",
        event=EVENT,
        body={},
        rules=(broken, far, *near),
    )

    lines = list(event_lines(details))
    assert sum("near-" in line and "part" in line for line in lines) == 12
    assert "2 further rules did not match: broken (evaluation failed), far (--all-rules)" in lines
    assert not any("far part" in line for line in lines)
    assert any("far part" in line for line in event_lines(details, all_rules=True))

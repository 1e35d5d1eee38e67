"""``follows``: whether an event is told of depends on what happened before it, in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chains import decide

from router.rules.state.chain import Chain
from router.rules.state.follows import Follow, Precede
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import Outcome

NOW = 1_700_000_000_000
WITHIN = 10


@given(
    data=st.data(),
    seconds=st.lists(st.integers(1, 19), max_size=8),
    own=st.integers(1, 19),
    at_least=st.integers(1, 3),
)
def test_an_event_is_told_once_if_enough_others_came_before_it(
    data: st.DataObject, seconds: list[int], own: int, at_least: int
) -> None:
    more = (WITHIN, at_least)
    steps = [
        Follow("s", "k", "w", "own", own, *more, 0),
        *(Precede("s", "k", "w", f"e{n}", at, *more) for n, at in enumerate(seconds)),
    ]
    shuffled = data.draw(st.permutations(steps))
    batch = [Chain(step.event, (step,), step.event.encode()) for step in shuffled]

    answers = decide(MemoryStore(), "w", batch, NOW)

    told = [each for each in answers if each.outcome is Outcome.NOTIFY or each.extra == (b"own",)]
    reached = len([at for at in seconds if own - WITHIN < at <= own]) >= at_least
    assert len(told) == reached


def test_no_event_follows_itself() -> None:
    more = ("same", 5, WITHIN, 1)
    batch = [
        Chain("before", (Precede("s", "k", "w", *more),)),
        Chain("own", (Follow("s", "k", "w", *more, 0),)),
    ]

    answers = decide(MemoryStore(), "w", batch, NOW)

    assert [answer.outcome for answer in answers] == [Outcome.NOTHING, Outcome.EXPECTED]


@pytest.mark.parametrize(
    ("arrives", "expected"),
    [(["first 12", "own"], 1), (["first 13", "own"], 0), (["own", "first 11"], 0)],
    ids=["within the tolerance", "beyond it", "arrived later"],
)
def test_an_earlier_event_may_be_by_another_clock(arrives: list[str], expected: int) -> None:
    """Its own time is up to 2 later, and its arrival says that it came before."""
    steps = {
        "own": Follow("s", "k", "w", "own", 10, WITHIN, 1, 2),
        **{f"first {at}": Precede("s", "k", "w", "f", at, WITHIN, 1) for at in (11, 12, 13)},
    }
    batch = [Chain(name, (steps[name],), name.encode()) for name in arrives]

    answers = decide(MemoryStore(), "w", batch, NOW)

    told = [each for each in answers if each.outcome is Outcome.NOTIFY or each.first]
    assert len(told) == expected

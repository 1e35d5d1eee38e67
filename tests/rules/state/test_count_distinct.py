"""``count`` with ``distinct`` against a model a few lines long: any order, near and far values."""

from hypothesis import given
from hypothesis import strategies as st
from support.chains import decide

from router.cel import compile_expression
from router.datatypes import Duration
from router.rules.state.chain import Chain
from router.rules.state.count import CountDistinct, CountFeature
from router.rules.state.count_text import CountText
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import Outcome

NOW = 1_700_000_000_000
WITHIN = 10

Happening = tuple[int, str]
"""A second and a value."""


def counting(number: int, happening: Happening, at_least: int) -> Chain:
    second, value = happening
    return Chain(f"e{number}", (CountDistinct("s", "k", value, second, WITHIN, at_least),))


def tellings(happenings: list[Happening], at_least: int) -> list[bool]:
    """Return which of them raise an alert, by all that happened and all spans."""
    found, kept = [], list[Happening]()
    for happening in happenings:
        kept.append(happening)
        newest = max(second for second, _ in kept)
        kept = [each for each in kept if each[0] > newest - 2 * WITHIN]
        told = happening in kept and any(
            len({value for at, value in kept if first <= at < first + WITHIN}) >= at_least
            for first in range(happening[0] - WITHIN + 1, happening[0] + 1)
        )
        if told:
            kept = []
        found.append(told)
    return found


@given(
    happenings=st.lists(st.tuples(st.integers(1, 45), st.sampled_from("vwxyz")), max_size=40),
    at_least=st.integers(1, 4),
)
def test_it_counts_as_the_model_although_it_stores_less(
    happenings: list[Happening], at_least: int
) -> None:
    batch = [counting(number, each, at_least) for number, each in enumerate(happenings)]

    answers = decide(MemoryStore(), "w", batch, NOW)

    assert [answer.outcome is Outcome.NOTIFY for answer in answers] == tellings(
        happenings, at_least
    )


@given(
    data=st.data(),
    happenings=st.lists(
        st.tuples(st.integers(1, 2 * WITHIN - 1), st.sampled_from("vwxyz")), max_size=20
    ),
    at_least=st.integers(1, 4),
)
def test_whether_it_ever_tells_does_not_depend_on_the_order(
    data: st.DataObject, happenings: list[Happening], at_least: int
) -> None:
    shuffled = data.draw(st.permutations(happenings))
    reached = any(
        len({value for at, value in happenings if first <= at < first + WITHIN}) >= at_least
        for first in range(2 * WITHIN)
    )
    batch = [counting(number, each, at_least) for number, each in enumerate(shuffled)]

    answers = decide(MemoryStore(), "w", batch, NOW)

    assert any(answer.outcome is Outcome.NOTIFY for answer in answers) == reached


def test_it_says_how_many_values_there_are_by_now() -> None:
    store = MemoryStore()
    steps = [(0, "v"), (9, "w"), (10, "x"), (10, "w")]
    decide(store, "w", [counting(number, each, 4) for number, each in enumerate(steps)], NOW)

    found = store.standing(CountDistinct("s", "k", "v", 0, 600_000, 4))

    assert found is not None
    assert (found.value, found.text) == (3, "3 different values within 10m")


def test_a_rule_without_distinct_keeps_the_state_of_earlier_versions() -> None:
    text = CountText(at_least=5, within=Duration(600), by=("data.a",))
    by = (compile_expression("data.a"),)

    assert CountFeature.configure("burst", text, by, None).state == "fef19715d7a8f3dd"

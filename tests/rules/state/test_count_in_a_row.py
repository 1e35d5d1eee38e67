"""``count`` with ``in_a_row`` against a model a few lines long: any order, breaks near and far."""

from hypothesis import given
from hypothesis import strategies as st
from support.chains import decide

from router.rules.state.chain import Chain
from router.rules.state.count import BreakRow, CountInARow
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import Outcome, Step

NOW = 1_700_000_000_000
WITHIN = 10

Happening = tuple[int, bool]
"""A second, and whether the event breaks a row."""


def chain(number: int, happening: Happening, at_least: int) -> Chain:
    second, is_break = happening
    event = f"e{number:03}"
    step: Step = (
        BreakRow("s", "k", "b", event, second, WITHIN)
        if is_break
        else CountInARow("s", "k", "b", event, second, WITHIN, at_least)
    )
    return Chain(event, (step,))


def tellings(happenings: list[Happening], at_least: int) -> list[bool]:
    """Return which of them raise an alert, by all that happened before they arrived."""
    found: list[bool] = []
    unused: list[tuple[int, int]] = []
    breaks: list[int] = []
    for number, (second, is_break) in enumerate(happenings):
        newest = max([second, *(at for at, _ in unused), *breaks])
        unused = [each for each in unused if each[0] > newest - 2 * WITHIN]
        told = False
        if is_break:
            breaks.append(second)
        elif second > newest - 2 * WITHIN:
            unused = sorted([*unused, (second, number)])
            for start in range(len(unused)):
                row = unused[start : start + at_least]
                ends = row[0][0], row[-1][0]
                if (
                    len(row) == at_least
                    and (second, number) in row
                    and ends[1] - ends[0] < WITHIN
                    and not any(ends[0] < at <= ends[1] for at in breaks)
                ):
                    told = True
                    unused = [each for each in unused if each not in row]
                    break
        found.append(told)
    return found


@given(
    happenings=st.lists(st.tuples(st.integers(1, 45), st.booleans()), max_size=40),
    at_least=st.integers(1, 4),
)
def test_it_counts_as_the_model(happenings: list[Happening], at_least: int) -> None:
    batch = [chain(number, each, at_least) for number, each in enumerate(happenings)]

    answers = decide(MemoryStore(), "w", batch, NOW)

    assert [answer.outcome is Outcome.NOTIFY for answer in answers] == tellings(
        happenings, at_least
    )


def test_a_hundred_breaks_are_stored_and_nothing_from_before_them_is_counted() -> None:
    store = MemoryStore()
    breaks = [Chain(f"b{at}", (BreakRow("s", "k", "b", f"b{at}", at, 10**6),)) for at in range(101)]
    decide(store, "w", breaks, NOW)

    def counted(event: str, at: int) -> Outcome:
        step = CountInARow("s", "k", "b", event, at, 10**6, 2)
        (answer,) = decide(store, event, [Chain(event, (step,))], NOW)
        return answer.outcome

    assert [counted("late", 0), counted("later", 0)] == [Outcome.COUNTED] * 2
    assert [counted("a", 1), counted("b", 1)] == [Outcome.COUNTED, Outcome.NOTIFY]

"""``count`` and ``cooldown`` against models a few lines long: any order, duplicates, crashes."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from support.chains import decide

from router.rules.state.chain import Chain
from router.rules.state.cooldown import COOLDOWN, CheckCooldown
from router.rules.state.count import Count
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import ChainResult, Outcome

NOW = 1_700_000_000_000
WITHIN = 10

Happening = tuple[str, int]
"""An event and its second."""


def counting(happening: Happening, at_least: int) -> Chain:
    event, second = happening
    return Chain(event, (Count("s", "k", event, second, WITHIN, at_least),))


class Model:
    """What ``count`` promises, said in the simplest way."""

    def __init__(self, at_least: int) -> None:
        self.at_least = at_least
        self.unused: list[Happening] = []

    def happens(self, happening: Happening) -> bool:
        self.unused.append(happening)
        too_old = max(second for _, second in self.unused) - 2 * WITHIN
        self.unused = [each for each in self.unused if each[1] > too_old]
        in_order = sorted(self.unused, key=lambda each: (each[1], each[0]))
        for start in range(len(in_order)):
            run = in_order[start : start + self.at_least]
            spans = run[-1][1] - run[0][1]
            if len(run) == self.at_least and spans < WITHIN and happening in run:
                self.unused = [each for each in self.unused if each not in run]
                return True
        return False


def happenings(longest: int) -> st.SearchStrategy[list[Happening]]:
    return st.lists(st.integers(1, longest), max_size=25).map(
        lambda seconds: [(f"e{number:02}", second) for number, second in enumerate(seconds)]
    )


@given(
    events=happenings(60),
    at_least=st.integers(1, 4),
    runs=st.lists(st.tuples(st.integers(0, 24), st.integers(1, 6)), max_size=15),
)
def test_it_counts_as_the_model_whatever_is_run_again(
    events: list[Happening], at_least: int, runs: list[tuple[int, int]]
) -> None:
    """Batches are cut and run at random; then all that is left runs, and everything once more."""
    store, model = MemoryStore(), Model(at_least)
    claimed: dict[str, str] = {}
    fired: dict[str, bool] = {}
    expected: dict[str, bool] = {}
    whole = [*runs, (0, len(events))]

    for number, (start, length) in enumerate([*whole, *whole]):
        work = f"w{number % len(whole)}"
        batch = events[start : start + length]
        mine = [each for each in batch if claimed.setdefault(each[0], work) == work]
        answers = decide(store, work, [counting(each, at_least) for each in mine], NOW)
        for happening, answer in zip(mine, answers, strict=True):
            told = answer.outcome is Outcome.NOTIFY
            assert fired.setdefault(happening[0], told) == told
            if happening[0] not in expected:
                expected[happening[0]] = model.happens(happening)

    assert fired == expected


@given(data=st.data(), events=happenings(2 * WITHIN - 1), at_least=st.integers(1, 4))
def test_whether_it_ever_fires_does_not_depend_on_the_order(
    data: st.DataObject, events: list[Happening], at_least: int
) -> None:
    in_order = sorted(events, key=lambda each: each[1])
    reached = any(
        last[1] - first[1] < WITHIN
        for first, last in zip(in_order, in_order[at_least - 1 :], strict=False)
    )
    shuffled = data.draw(st.permutations(events))

    answers = decide(MemoryStore(), "w", [counting(each, at_least) for each in shuffled], NOW)

    assert any(answer.outcome is Outcome.NOTIFY for answer in answers) == reached


@given(data=st.data(), events=happenings(WITHIN - 1), at_least=st.integers(1, 4))
def test_how_often_it_fires_in_one_window_does_not_depend_on_the_order(
    data: st.DataObject, events: list[Happening], at_least: int
) -> None:
    shuffled = data.draw(st.permutations(events))

    answers = decide(MemoryStore(), "w", [counting(each, at_least) for each in shuffled], NOW)

    outcomes = Counter(answer.outcome for answer in answers)
    assert outcomes[Outcome.NOTIFY] == len(events) // at_least


@given(seconds=st.lists(st.integers(0, 60), max_size=30))
def test_a_cooldown_tells_once_and_accounts_for_each_alert(seconds: list[int]) -> None:
    store = MemoryStore()
    chains = [
        Chain(f"e{number}", (CheckCooldown("s", "k", 1000 * second, 10_000),))
        for number, second in enumerate(sorted(seconds))
    ]

    answers = decide(store, "w", chains, NOW)

    told = [
        (second, answer.held_back)
        for second, answer in zip(sorted(seconds), answers, strict=True)
        if answer.outcome is Outcome.NOTIFY
    ]
    assert all(later - earlier >= 10 for (earlier, _), (later, _) in itertools.pairwise(told))
    following = decide(store, "w2", [Chain("x", (CheckCooldown("s", "k", 90_000, 10_000),))], NOW)
    assert len(told) + sum(held for _, held in told) + following[0].held_back == len(seconds)


def test_events_a_window_apart_are_not_in_one_window() -> None:
    answers = decide(
        MemoryStore(),
        "w",
        [counting(("e1", 100), 2), counting(("e2", 110), 2), counting(("e3", 119), 2)],
        NOW,
    )

    assert [answer.outcome for answer in answers] == [
        Outcome.COUNTED,
        Outcome.COUNTED,
        Outcome.NOTIFY,
    ]


def test_a_cooldown_of_another_key_does_not_matter() -> None:
    answers = decide(
        MemoryStore(), "w", [Chain(key, (CheckCooldown("s", key, 0, 10_000),)) for key in "ab"], NOW
    )

    assert answers == [ChainResult(Outcome.NOTIFY), ChainResult(Outcome.NOTIFY)]


def test_too_many_keys_are_told_rather_than_lost_and_counted_never() -> None:
    store = MemoryStore(keys_limit=1)
    chains = [
        Chain("c1", (CheckCooldown("s", "a", 0, 10_000),)),
        Chain("c2", (CheckCooldown("s", "b", 0, 10_000),)),
        Chain("c3", (Count("t", "a", "e", 0, 10_000, 1),)),
        Chain("c4", (Count("t", "b", "e", 0, 10_000, 2),)),
        Chain("c5", (CheckCooldown("s", "a", 1, 10_000),)),
    ]

    answers = decide(store, "w", chains, NOW)

    assert [(answer.outcome, answer.overflowed) for answer in answers] == [
        (Outcome.NOTIFY, False),
        (Outcome.NOTIFY, True),
        (Outcome.NOTIFY, False),
        (Outcome.COUNTED, False),
        (Outcome.SUPPRESSED, False),
    ]
    assert answers[4].reason is COOLDOWN

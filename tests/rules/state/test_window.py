"""Windows against models a few lines long: any order of arrival, batches that run again, crossings."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chains import decide

from router.rules.state.chain import Chain
from router.rules.state.measure import BINS_LIMIT, CheckMeasure, CheckPercentile
from router.rules.state.measured import measurement
from router.rules.state.memory_store import MemoryStore
from router.rules.state.ratio import CheckRatio
from router.rules.state.sketch import bin_of
from router.rules.state.spike import CheckSpike
from router.rules.state.step import ChainResult, Outcome, Step
from router.rules.state.window import PARTS, WindowRecord

NOW = 1_700_000_000_000
WITHIN = PARTS * 1000
"""A window of sixty parts of a second each."""

Happening = tuple[int, float]
"""A second and a number."""
HAPPENINGS = st.lists(
    st.tuples(st.integers(0, 150), st.sampled_from([0.0, 0.1, 2.5, 10.0, 300.0, -7.0])), max_size=40
)


def place(second: float) -> tuple[str, str, int, int]:
    return "s", "k", int(1000 * second), WITHIN


def share(happening: Happening, *, at_least: float = 0.5, min_events: int = 3) -> Step:
    return CheckRatio(
        *place(happening[0]), happening[1] > 5, min_events, ("at_least", at_least, at_least), False
    )


def statistic(name: str, happening: Happening) -> Step:
    second, number = happening
    if name.startswith("p"):
        pair = (number, bin_of(number))
        return CheckPercentile(
            *place(second), int(name[1:]), pair, 3, ("above", 2, bin_of(2), 2, False)
        )
    return CheckMeasure(*place(second), name, number, 3, ("above", 2.0, 2.0, False))


def run(steps: Sequence[Step], store: MemoryStore | None = None) -> list[ChainResult]:
    chains = [Chain(f"e{number}", (step,)) for number, step in enumerate(steps)]
    return decide(store or MemoryStore(), "w", chains, NOW)


class Model:
    """What a window promises, said in the simplest way."""

    def __init__(self, figure: Callable[[list[float]], float], at_least: float) -> None:
        self.figure = figure
        self.at_least = at_least
        self.seen: list[Happening] = []
        self.is_beyond = False

    def happens(self, happening: Happening) -> tuple[str, float] | None:
        """Return why the event is left out, or what is told; None for nothing."""
        newest = max((second for second, _ in self.seen), default=happening[0])
        if happening[0] <= newest - PARTS:
            return "late", 0
        if happening[0] - newest >= PARTS:
            self.is_beyond = False
        self.seen.append(happening)
        newest = max(newest, happening[0])
        numbers = [number for second, number in self.seen if second > newest - PARTS]
        figure = self.figure(numbers)
        was_beyond = self.is_beyond
        is_beyond = figure >= self.at_least
        self.is_beyond = is_beyond and (was_beyond or len(numbers) >= 3)
        return ("told", figure) if self.is_beyond and not was_beyond else None


def said(result: ChainResult) -> tuple[str, float] | None:
    if result.outcome is Outcome.NOTIFY:
        return "told", measurement(result.words).value
    return (str(result.reason), 0) if result.reason else None


def same(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return [each and each[0] for each in found] == [each and each[0] for each in expected] and all(
        one is None or math.isclose(one[1], other[1], rel_tol=0.01, abs_tol=1e-9)
        for one, other in zip(found, expected, strict=True)
    )


@given(events=HAPPENINGS)
def test_a_share_is_that_of_the_model(events: list[Happening]) -> None:
    model = Model(lambda numbers: sum(number > 5 for number in numbers) / len(numbers), 0.5)

    found = [said(each) for each in run([share(each) for each in events])]

    assert same(found, [model.happens(each) for each in events])


def nearest_rank(percent: int) -> Callable[[list[float]], float]:
    def figure(numbers: list[float]) -> float:
        return sorted(numbers)[math.ceil(len(numbers) * percent / 100) - 1]

    return figure


FIGURES: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": statistics.fmean,
    "min": min,
    "max": max,
    "stddev": statistics.pstdev,
    "p50": nearest_rank(50),
    "p90": nearest_rank(90),
    "p95": nearest_rank(95),
    "p99": nearest_rank(99),
}


@pytest.mark.parametrize("name", FIGURES)
@given(events=HAPPENINGS)
def test_a_statistic_is_that_of_the_model(name: str, events: list[Happening]) -> None:
    model = Model(FIGURES[name], math.nextafter(2, math.inf))

    found = [said(each) for each in run([statistic(name, each) for each in events])]

    assert same(found, [model.happens(each) for each in events])


@pytest.mark.parametrize("name", FIGURES)
@given(data=st.data(), events=HAPPENINGS.filter(bool))
def test_figures_do_not_depend_on_the_order_of_arrival(
    name: str, data: st.DataObject, events: list[Happening]
) -> None:
    newest = max(second for second, _ in events)
    events = [each for each in events if each[0] > newest - PARTS]
    stores = MemoryStore(), MemoryStore()
    shuffled = data.draw(st.permutations(events))

    for store, order in zip(stores, (events, shuffled), strict=True):
        run([statistic(name, each) for each in order], store)

    one, other = (store.standing(statistic(name, events[0])) for store in stores)
    assert one is not None
    assert other is not None
    assert one.total == other.total == len(events)
    assert math.isclose(one.value, other.value, rel_tol=1e-12, abs_tol=1e-9)


@given(events=st.lists(st.integers(0, 200), max_size=60).map(sorted))
def test_a_spike_is_that_of_the_model(events: list[int]) -> None:
    seen: list[int] = []
    expected = []
    was_beyond = False
    for second in events:
        if seen and second - seen[-1] >= PARTS:
            was_beyond = False
        seen.append(second)
        now = sum(each > second - PARTS for each in seen)
        before = sum(second - 2 * PARTS < each <= second - PARTS for each in seen)
        is_beyond = now >= 2 * max(1, before)
        is_known = seen[0] <= second - 2 * PARTS and now >= 3
        expected.append((now, before) if is_beyond and is_known and not was_beyond else None)
        was_beyond = is_beyond and (was_beyond or is_known)

    results = run([CheckSpike(*place(second), 2.0, 3, 2.0, False) for second in events])

    found = [measurement(each.words) if each.words else None for each in results]
    assert [each and (each.total, each.of) for each in found] == expected


def test_the_variance_of_large_numbers_with_small_differences_keeps_its_digits() -> None:
    numbers = [1e9 + offset for offset in (4.0, 7.0, 13.0, 16.0)]
    store = MemoryStore()

    run([statistic("stddev", (second, number)) for second, number in enumerate(numbers)], store)

    found = store.standing(statistic("stddev", (0, 0.0)))
    assert found is not None
    assert found.value == math.sqrt(22.5)


def test_many_different_numbers_take_bounded_memory_and_are_told_exactly() -> None:
    """Those that find no bin are shown as the threshold, and count on their side of it."""
    record, store = WindowRecord(), MemoryStore()
    store.memory.put(("s", "k"), record)
    numbers = [1.03**number for number in range(-600, 600)]
    limit = 1.03**590

    def step(number: float) -> Step:
        bound = ("above", limit, bin_of(limit), limit, False)
        return CheckPercentile(*place(1), 99, (number, bin_of(number)), 1200, bound)

    results = run([step(number) for number in numbers], store)

    assert {result.outcome for result in results} == {Outcome.COUNTED}
    (bins,) = record.bins.values()
    assert len(bins) == BINS_LIMIT + 1
    assert sum(bins.values()) == 1200
    (told,) = decide(store, "w2", [Chain("more", (step(1.03**600),) * 1)], NOW)
    assert told.outcome is Outcome.COUNTED  # 10 of 1,201 are beyond, and 13 must be
    three = [Chain(f"more {number}", (step(1e30),)) for number in range(3)]
    assert decide(store, "w3", three, NOW)[2].outcome is Outcome.NOTIFY


def test_a_share_of_exactly_the_threshold_is_at_least_it() -> None:
    """Mutant: ``7 >= 0.07 * 100`` is false for doubles."""
    events = [(0, 0.0)] * 93 + [(0, 10.0)] * 7

    results = run([share(each, at_least=0.07, min_events=100) for each in events])

    assert results[-1].outcome is Outcome.NOTIFY

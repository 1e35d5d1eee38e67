"""Random chains of steps, with few keys and short times, so that they meet; and running them."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from router.rules.state.absent import CheckAbsent, Expect, Fulfil
from router.rules.state.chain import Chain, Store
from router.rules.state.cooldown import CheckCooldown
from router.rules.state.count import Count, CountDistinct
from router.rules.state.escalate import ContinueEscalation, StartEscalation
from router.rules.state.group import JoinGroup, RetractNotified, TakeGroup
from router.rules.state.inhibit import CheckInhibited, StartInhibition
from router.rules.state.measure import CheckMeasure, CheckPercentile
from router.rules.state.memory_store import MemoryStore
from router.rules.state.ratio import CheckRatio
from router.rules.state.resolve import CheckResolved, OpenAlert, RecordNotified, Resolve
from router.rules.state.sketch import bin_of
from router.rules.state.spike import CheckSpike
from router.rules.state.step import ChainResult, Step
from router.rules.state.suppress import SILENCED, Suppress

T = TypeVar("T")

START = 1_700_000_000_000
_KEYS = st.sampled_from(["a", "b"])
_EVENTS = st.sampled_from([f"e{number}" for number in range(12)])
_TIMES = st.integers(0, 40).map(lambda second: START + 1000 * second)


def _chain(steps: tuple[Step, ...], number: int) -> Chain:
    if isinstance(steps[0] if steps else None, TakeGroup):
        return Chain(f"take {steps[0].key}", steps)  # as the timer of a group
    return Chain(f"c{number}", steps, f"alert {number}".encode())


def taking() -> st.SearchStrategy[tuple[Step, ...]]:
    """The timer of a group takes it."""
    return _KEYS.map(lambda key: (TakeGroup("group", key),))


_NUMBERS = st.sampled_from([0.0, 0.1, 0.30000000000000004, 1e-9, 3.0, 7.25, 1e15 + 0.5, -2.5, 1e99])


@st.composite
def measuring(draw: st.DrawFn) -> tuple[Step, ...]:
    """What comes of a match whose rule measures; most events are in time, and windows are short."""
    at, within = draw(_TIMES), draw(st.sampled_from([59, 3_000, 60_000]))
    number = draw(st.one_of(st.none(), _NUMBERS))
    least = draw(st.integers(1, 3))
    kind = draw(
        st.sampled_from(["ratio", "percentile", "spike", "avg", "min", "max", "stddev", "sum"])
    )
    place = (f"{kind} {within}", draw(_KEYS), at, within)
    side = draw(st.sampled_from(["above", "below"]))
    match kind:
        case "ratio":
            bound = (
                draw(st.sampled_from(["at_least", "at_most"])),
                draw(st.sampled_from([0.3, 0.5])),
            )
            step: Step = CheckRatio(
                *place, draw(st.sampled_from([True, False, None])), least, bound
            )
        case "percentile":
            pair = None if number is None else (number, bin_of(number))
            percent = draw(st.sampled_from([50, 90, 99]))
            step = CheckPercentile(*place, percent, pair, least, (side, 3.0, bin_of(3.0)))
        case "spike":
            step = CheckSpike(*place, draw(st.sampled_from([1.5, 3.0])), least)
        case _:
            step = CheckMeasure(*place, kind, number, least, (side, draw(_NUMBERS)))
    return (step, *draw(raising())) if draw(st.booleans()) else (step,)


@st.composite
def counting_values(draw: st.DrawFn) -> tuple[Step, ...]:
    """What comes of a match whose rule counts different values, few and near each other."""
    within, at_least = draw(st.sampled_from([(10_000, 2), (10_000, 3), (3_000, 2)]))
    value = draw(st.sampled_from(["", "v", "w", "x"]))
    place = (f"distinct {within} {at_least}", draw(_KEYS))
    step = CountDistinct(*place, value, draw(_TIMES), within, at_least)
    return (step, *draw(raising())) if draw(st.booleans()) else (step,)


def distinct_nearby() -> st.SearchStrategy[Step]:
    """An event with one of a few values, in a few spans, of which some end where others begin."""
    return st.builds(
        lambda value, second: CountDistinct("s", "k", value, START + second * 1000, 5_000, 3),
        st.sampled_from("vvvvwx"),
        st.integers(0, 12),
    )


NEARBY: dict[str, st.SearchStrategy[Step]] = {"distinct": distinct_nearby()}
"""Steps of one state and key that meet all the time."""


def raising() -> st.SearchStrategy[tuple[Step, ...]]:
    """What comes of a match: any of the steps, in their order."""
    return st.builds(
        _raising, _KEYS, _TIMES, _EVENTS, st.sets(st.integers(0, 8)), st.integers(1, 3)
    )


def _raising(key: str, at: int, event: str, which: set[int], number: int) -> tuple[Step, ...]:
    opened = ("open", key) if 2 in which else None
    other = "a" if number == 1 else "b"
    steps: list[Step] = [
        Count("count", key, event, at, 10_000, number),
        CheckResolved("open", key, at),
        OpenAlert("open", key, at, 3_600_000),
        StartInhibition("mark", key, 3_600_000, opened),
        CheckInhibited((("mark", other),)),
        Suppress(SILENCED),
        CheckCooldown("cooldown", key, at, 8_000),
        JoinGroup("group", other, opened, (f"d{number}",))
        if number > 1
        else RecordNotified("open", key, ("d0", "d1")),
        StartEscalation("escalate", key, f"k{key}", event, 3_600_000),
    ]
    return tuple(step for place, step in enumerate(steps) if place in which)


@st.composite
def others(draw: st.DrawFn) -> tuple[Step, ...]:
    """What comes of other events and of timers."""
    key, event, at = draw(_KEYS), draw(_EVENTS), draw(_TIMES)
    absent = draw(st.sampled_from(["absent", "absent before the rule was changed"]))
    return (
        draw(
            st.sampled_from(
                [
                    Expect(absent, key, event, 3_600_000, "rule"),
                    Fulfil(absent, key, event, 3_600_000, "rule"),
                    CheckAbsent(absent, key, event),
                    RetractNotified(draw(st.sampled_from([None, (("open", key),)]))),
                    Resolve("open", key, at, (("escalate", key),), 90_000),
                    ContinueEscalation(
                        "escalate",
                        key,
                        f"k{key}",
                        event,
                        draw(st.booleans()),
                        ("open", key),
                        ("d9",),
                    ),
                ]
            )
        ),
    )


def chains() -> st.SearchStrategy[list[Chain]]:
    """The chains of one batch; their ids are only unique in it."""
    return st.lists(
        st.one_of(
            raising(),
            raising(),
            measuring(),
            measuring(),
            counting_values(),
            counting_values(),
            others(),
            taking(),
        ),
        min_size=1,
        max_size=6,
    ).map(lambda drawn: [_chain(steps, number) for number, steps in enumerate(drawn)])


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def decide(memory: MemoryStore, work: str, batch: Sequence[Chain], now: int) -> list[ChainResult]:
    """Decide chains in memory."""
    store: Store = memory.open(work, now)
    return run(store.decide(batch))

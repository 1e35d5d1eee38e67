"""Random chains of steps, with few keys and short times, so that they meet; and running them."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from router.rules.state.absent import CheckAbsent, DropRows, Expect, ExpectRow, Fulfil
from router.rules.state.chain import Chain, Store
from router.rules.state.cooldown import CheckCooldown
from router.rules.state.count import (
    BreakRow,
    Count,
    CountDistinct,
    CountInARow,
    KeepEvent,
    TakeKept,
)
from router.rules.state.escalate import CheckEscalation, ContinueEscalation, StartEscalation
from router.rules.state.expectation import ROWS
from router.rules.state.first_seen import SEEN, CheckFirstSeen
from router.rules.state.follows import Follow, Precede
from router.rules.state.group import HeldMember, JoinGroup, RetractNotified, TakeGroup
from router.rules.state.inhibit import CheckInhibited, StartInhibition
from router.rules.state.lifecycle import OpenAlert, RecordNotified
from router.rules.state.look import (
    EndByOperator,
    ExpireAlert,
    LookAt,
    OpenForLook,
    PostponeLook,
    ReadAlert,
)
from router.rules.state.measure import CheckMeasure, CheckPercentile
from router.rules.state.memory_store import MemoryStore
from router.rules.state.ratio import CheckRatio
from router.rules.state.resolve import CheckResolved, EndAlert, Resolve
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


_NUMBERS = st.sampled_from([0.0, 0.1, 0.30000000000000004, 3.0, 3.5, 7.25, 1e15 + 0.5, -2.5])


_STATISTICS = ("sum", "avg", "min", "max", "stddev")


def _measure(
    kind: str, key: str, at: int, value: float | None, test: tuple[int, int], *, ends: bool
) -> Step:
    """A step of a rule that measures, of a window of 3 s; ``test`` chooses its threshold."""
    least, which = 1 + test[0], test[1]
    place = (kind, key, at, 3_000)
    side = ("above", "below")[which % 2]
    back = (0.5, 0.5, 0.3, 0.7)[which % 4]
    near = (3.0, 3.0, 1.0, 3.4)[which % 4]
    match kind:
        case "ratio":
            is_part = None if value is None else value > 3
            return CheckRatio(
                *place, is_part, least, (("at_least", "at_most")[which % 2], 0.5, back), ends
            )
        case "spike":
            return CheckSpike(*place, (2.0, 1.5)[which % 2], least, (2.0, 1.0)[which % 2], ends)
        case "percentile":
            pair = None if value is None else (value, bin_of(value))
            percent = (50, 75, 90)[which % 3]
            return CheckPercentile(
                *place, percent, pair, least, (side, 3.0, bin_of(3.0), near, ends)
            )
        case _:
            return CheckMeasure(*place, kind, value, least, (side, 3.0, near, ends))


@st.composite
def measuring(draw: st.DrawFn) -> list[tuple[Step, ...]]:
    """Events of one key and of one rule that measures: mostly in order, some late, with gaps."""
    kind = draw(st.sampled_from(["ratio", *["spike"] * 3, *["percentile"] * 3, *_STATISTICS]))
    key, test = draw(_KEYS), draw(st.tuples(st.integers(0, 2), st.integers(0, 5)))
    at = draw(_TIMES)
    further = draw(raising()) if draw(st.booleans()) else ()
    ends = draw(st.booleans())
    if ends:
        opening = (OpenAlert(f"k{key}", "r", at, 3_600_000, 0, 0), RecordNotified(("d0",), 0))
        hold = draw(st.sampled_from([0, 0, 2_000]))
        further = (EndAlert(f"k{key}", (("escalate", key),), hold), *(further or opening))
    chains = []
    for ms, value in draw(
        st.lists(
            st.tuples(
                st.sampled_from(
                    [0, 0, 50, 50, 400, 1_500, 2_950, 3_000, 6_000, -50, -1_500, -3_000]
                ),
                st.one_of(st.none(), _NUMBERS, _NUMBERS),
            ),
            min_size=2,
            max_size=20,
        )
    ):
        at += ms
        chains.append((_measure(kind, key, at, value, test, ends=ends), *further))
    return chains


@st.composite
def counting_values(draw: st.DrawFn) -> tuple[Step, ...]:
    """What comes of a match whose rule counts different values, few and near each other."""
    within, at_least = draw(st.sampled_from([(10_000, 2), (10_000, 3), (3_000, 2)]))
    value = draw(st.sampled_from(["", "v", "w", "x"]))
    place = (f"distinct {within} {at_least}", draw(_KEYS))
    at, member = draw(_TIMES), draw(st.sampled_from(["[1]", "[2]", "[3]", "[é]"]))
    step = CountDistinct(*place, value, at, within, at_least)
    more = draw(raising()) if draw(st.booleans()) else ()
    if draw(st.booleans()):
        return (step, *more)
    kept = (f"{place[0]}-kept", place[1], at, within)
    return (KeepEvent(*kept, 2, member), step, TakeKept(*kept, member), *more)


def distinct_nearby() -> st.SearchStrategy[Step]:
    """An event with one of a few values, in a few spans, of which some end where others begin."""
    return st.builds(
        lambda value, second: CountDistinct("s", "k", value, START + second * 1000, 5_000, 3),
        st.sampled_from("vvvvwx"),
        st.integers(0, 12),
    )


def kept_nearby() -> st.SearchStrategy[Step]:
    """An event that is kept, or an alert that takes those near it."""
    return st.builds(
        lambda second, member, takes: (
            TakeKept("t", "k", START + second * 1000, 5_000, member)
            if takes
            else KeepEvent("t", "k", START + second * 1000, 5_000, 3, member)
        ),
        st.integers(0, 12),
        st.sampled_from(["[1]", "[2]", "[3]", "[é]", "[4]"]),
        st.sampled_from([False, False, False, True]),
    )


def row_nearby(seconds: int, breaks: list[bool]) -> st.SearchStrategy[Step]:
    """An event in a row, or one that breaks it; in so many seconds."""
    return st.builds(
        lambda second, event, is_break: (
            BreakRow("r", "k", "r-broken", event, START + second * 500, 5_000)
            if is_break
            else CountInARow("r", "k", "r-broken", event, START + second * 500, 5_000, 3)
        ),
        st.integers(0, seconds),
        st.integers(0, 1000).map(str),
        st.sampled_from(breaks),
    )


def seen_nearby() -> st.SearchStrategy[Step]:
    """An event with one of a few values, in three times of forgetting."""
    return st.builds(
        lambda value, second: CheckFirstSeen("f", SEEN, value, START + second * 1000, 5_000, 4_000),
        st.sampled_from("vwxyz"),
        st.integers(0, 16),
    )


def following_nearby() -> st.SearchStrategy[Step]:
    """An event that follows others, or one of those."""
    return st.builds(
        lambda kind, event, second, key: kind(
            *("l", key, "l-waits", event, START + second * 1000, 5_000, 2),
            *([2_000] if kind is Follow else []),
        ),
        st.sampled_from([Follow, Precede, Precede]),
        st.sampled_from([f"e{number}" for number in range(20)]),
        st.integers(0, 16),
        st.sampled_from(["k", "k", "k", "k", ""]),
    ).filter(lambda step: step.key or isinstance(step, Follow))


def absent_nearby() -> st.SearchStrategy[Step]:
    """What waits, what it waits for, and a timer, before and after the rule was changed."""
    return st.builds(
        lambda kind, state, event, second: (
            CheckAbsent(state, "k", event)
            if kind is CheckAbsent
            else kind(state, "k", event, START + second * 1000, 5_000, 2_000, "rule")
        ),
        st.sampled_from([Expect, Expect, Expect, Fulfil, Fulfil, CheckAbsent]),
        st.sampled_from(["n", "n", "n", "n as it was"]),
        st.sampled_from([f"e{number}" for number in range(6)]),
        st.integers(0, 16),
    )


def rows_nearby() -> st.SearchStrategy[Step]:
    """Rows of a table that are loaded and dropped, what they wait for, and their timers."""
    return st.builds(
        lambda kind, key, event, second: (
            CheckAbsent("r", key, event)
            if kind is CheckAbsent
            else DropRows("r", ROWS, event, START + second * 1000)
            if kind is DropRows
            else kind("r", key, event, START + second * 1000, 5_000, 2_000, "rule")
        ),
        st.sampled_from([ExpectRow, ExpectRow, DropRows, Expect, Fulfil, CheckAbsent]),
        st.sampled_from("kl"),
        st.sampled_from([f"e{number}" for number in range(4)]),
        st.integers(0, 8),
    )


NEARBY: dict[str, st.SearchStrategy[Step]] = {
    "distinct": distinct_nearby(),
    "kept": kept_nearby(),
    "first seen": seen_nearby(),
    "rows": rows_nearby(),
    "absent": absent_nearby(),
    "follows": following_nearby(),
    "row": row_nearby(12, [False, False, True]),
    "breaks": row_nearby(300, [True, True, True, False]),
}
"""Steps of one state and key that meet all the time."""


def raising() -> st.SearchStrategy[tuple[Step, ...]]:
    """What comes of a match: any of the steps, in their order."""
    return st.builds(
        _raising, _KEYS, _TIMES, _EVENTS, st.sets(st.integers(0, 8)), st.integers(1, 3)
    )


def _raising(key: str, at: int, event: str, which: set[int], number: int) -> tuple[Step, ...]:
    other = "a" if number == 1 else "b"
    # Of the numbers, 1 has the plain form; the others remind, and 3 waits while pending.
    pending = 4_000 if number == 3 else 0
    steps: list[Step] = [
        Count("count", key, event, at, 10_000, number),
        CheckResolved("open", key, at, f"s{number}", 2_000),
        OpenAlert(f"k{key}", f"r{key}", at, 60_000 * number, pending, 0),
        StartInhibition("mark", key, 3_600_000, number != 2),
        CheckInhibited((("mark", other),)),
        Suppress(
            SILENCED,
            START + 20_000 * (number - 1),
            number == 2,
            START + 10_000 if number == 3 else 0,
        ),
        CheckCooldown("cooldown", key, at, 8_000, number == 2),
        JoinGroup("group", other, (f"d{number}",), 5_000 * (number - 2))
        if number > 1 and 3 not in which
        else RecordNotified(("d0", "d1")[:number], 5_000 * (number - 1)),
        StartEscalation("escalate", key, f"k{key}", event, 3_600_000),
    ]
    return tuple(step for place, step in enumerate(steps) if place in which)


@st.composite
def looking(draw: st.DrawFn) -> tuple[Step, ...]:
    """A look at a keyed alert, with what may suppress it."""
    key, number = draw(_KEYS), draw(st.integers(1, 3))
    other = "a" if number == 1 else "b"
    bound = (("escalate", key),)
    send_to = draw(st.sampled_from([("d0",), ("d0", "d1"), ("d1", "d2")]))
    look = LookAt(f"k{key}", send_to, 0, 5_000 * (number - 1), bound)
    steps: list[Step] = [
        StartInhibition("mark", key, 3_600_000, number != 2),
        CheckInhibited((("mark", other),)),
        Suppress(SILENCED, START + 30_000, number == 2, 0),
        CheckCooldown("cooldown", key, draw(_TIMES), 8_000),
        JoinGroup("group", other, send_to, 5_000)
        if number == 3
        else RecordNotified(send_to, 5_000 * (number - 1)),
        StartEscalation("escalate", key, f"k{key}", "e1", 3_600_000),
    ]
    which = draw(st.sets(st.integers(0, 5)))
    return (look, *(step for place, step in enumerate(steps) if place in which))


@st.composite
def others(draw: st.DrawFn) -> tuple[Step, ...]:
    """What comes of other events and of timers."""
    key, event, at = draw(_KEYS), draw(_EVENTS), draw(_TIMES)
    wording = draw(st.sampled_from([("absent", 3_600_000), ("absent as it was", 20_000)]))
    awaited = (wording[0], key, event, at, wording[1], 3_000, "rule")
    return (
        draw(
            st.sampled_from(
                [
                    Expect(*awaited),
                    Fulfil(*awaited),
                    CheckAbsent(wording[0], key, event),
                    RetractNotified((HeldMember(f"k{key}", "muted", START + 30_000, False),), None),
                    RetractNotified((), HeldMember("", "muted", START + 30_000, True)),
                    Resolve(
                        *("open", key, at, "s1", 2_000, f"k{key}", (("escalate", key),)),
                        *(90_000, draw(st.sampled_from([0, 0, 3_000])), ("older", key)),
                    ),
                    ContinueEscalation(
                        "escalate", key, f"k{key}", event, draw(st.booleans()), ("d9",)
                    ),
                    CheckEscalation("escalate", key, f"k{key}", event),
                    EndByOperator(f"k{key}", "ann", (("escalate", key),)),
                    ExpireAlert(f"k{key}", "rule_gone"),
                    PostponeLook(f"k{key}", 4_000),
                    ReadAlert(f"k{key}"),
                    OpenForLook(f"k{key}"),
                ]
            )
        ),
    )


def measured() -> st.SearchStrategy[list[Chain]]:
    """The chains of one batch of a rule that measures."""
    return measuring().map(
        lambda drawn: [_chain(steps, number) for number, steps in enumerate(drawn)]
    )


def chains() -> st.SearchStrategy[list[Chain]]:
    """The chains of one batch; their ids are only unique in it."""
    mixed = st.lists(
        st.one_of(
            raising(),
            raising(),
            looking(),
            counting_values(),
            counting_values(),
            others(),
            taking(),
        ),
        min_size=1,
        max_size=6,
    )
    return st.one_of(mixed, mixed, measuring()).map(
        lambda drawn: [_chain(steps, number) for number, steps in enumerate(drawn)]
    )


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

"""Random chains of steps, few keys and short times, so that they meet."""

from hypothesis import strategies as st

from router.rules.state.steps import (
    Arrive,
    Chain,
    Cooldown,
    Count,
    Escalate,
    Escalating,
    Expect,
    Inhibited,
    Join,
    Mark,
    Open,
    Over,
    Overdue,
    Reason,
    Resolve,
    Suppress,
    Tell,
)

START = 1_700_000_000_000
_KEYS = st.sampled_from(["a", "b"])
_EVENTS = st.sampled_from([f"e{number}" for number in range(12)])
_TIMES = st.integers(0, 40).map(lambda second: START + 1000 * second)


def _chain(steps: tuple[object, ...], number: int) -> Chain:
    return Chain(f"c{number}", steps, f"alert {number}".encode())  # type: ignore[arg-type]


def raising() -> st.SearchStrategy[tuple[object, ...]]:
    """What comes of a match: any of the steps, in their order."""
    return st.builds(
        _raising, _KEYS, _TIMES, _EVENTS, st.sets(st.integers(0, 8)), st.integers(1, 3)
    )


def _raising(key: str, at: int, event: str, which: set[int], number: int) -> tuple[object, ...]:
    opened = ("open", key) if 2 in which else None
    other = "a" if number == 1 else "b"
    steps = [
        Count("count", key, event, at, 10_000, number),
        Over("open", key, at),
        Open("open", key, at, 3_600_000),
        Mark("mark", key, 3_600_000, opened),
        Inhibited((("mark", other),)),
        Suppress(Reason.SILENCED),
        Cooldown("cooldown", key, at, 8_000),
        Join("group", other, opened, (f"d{number}",))
        if number > 1
        else Tell("open", key, ("d0", "d1")),
        Escalate("escalate", key, f"k{key}", event, 3_600_000),
    ]
    return tuple(step for place, step in enumerate(steps) if place in which)


@st.composite
def others(draw: st.DrawFn) -> tuple[object, ...]:
    """What comes of other events and of timers."""
    key, event, at = draw(_KEYS), draw(_EVENTS), draw(_TIMES)
    return (
        draw(
            st.sampled_from(
                [
                    Expect("absent", key, event, 3_600_000),
                    Arrive("absent", key, event, 3_600_000),
                    Overdue("absent", key, event),
                    Resolve("open", key, at, ("escalate", key), 90_000),
                    Escalating(
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
    return st.lists(st.one_of(raising(), others()), min_size=1, max_size=6).map(
        lambda drawn: [_chain(steps, number) for number, steps in enumerate(drawn)]
    )

"""T10: what judging costs, by the number of rules; beside two other engines, and at its worst.

CPU time of this process on Twilio's sample event, the sides alternating; a round of each side is
long enough to be timed. Each engine must find the same rules before it is timed.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from bench.measuring import alternate, median, ratios
from bench.messages import SAMPLE
from bench.outcome import Row, row, skipped
from bench.peers import rules as peers
from router.cel import Verdict
from router.rules.index.rule_set import RuleSet

_SIZES: Final = (1, 10, 100, 1000, 10_000)
_ROUND_SECONDS: Final = 0.03
_PEER_RULES: Final = 1000

WHAT: Final = "matching 1,000 rules ÷ decoding the event; 10,000 ÷ 1,000 rules (CPU time)"


def rows(*, short: bool) -> Iterator[Row]:
    """T10 and what stands beside it."""
    body = SAMPLE.read_bytes()
    event = msgspec.json.decode(body)
    rounds = 11 if short else 31
    built = {size: peers.ours(peers.realistic(size)) for size in _SIZES}
    sides: dict[str, Callable[[], object]] = {"decode": lambda: msgspec.json.decode(body)}
    for size, (rules, match) in built.items():
        assert match(event) == _naive(rules, event), "the index must find what is there"  # noqa: S101
        sides[str(size)] = _judging(rules, event)
    taken = _time(rounds, sides)
    figures = {
        "decode µs": median(taken["decode"]),
        **{f"{size} rules µs": median(taken[str(size)]) for size in _SIZES},
    }
    yield row(
        "T10",
        "matching 1,000 rules ÷ decoding the event with msgspec",
        ratios(taken["1000"], taken["decode"]),
        case="1,000 ÷ decode",
        at_most=2,
        figures=figures,
    )
    yield row(
        "T10",
        "matching 10,000 rules ÷ matching 1,000",
        ratios(taken["10000"], taken["1000"]),
        case="10,000 ÷ 1,000",
        at_most=2,
        figures=figures,
    )
    yield from _beside_peers(event, 2 if short else 5)
    yield from _at_worst(event, _SHAPES[1:4] if short else _SHAPES, 3 if short else 7)


def _beside_peers(event: dict[str, Any], rounds: int) -> Iterator[Row]:
    conditions = peers.realistic(_PEER_RULES)
    rules, ours = peers.ours(conditions)
    expected = ours(event)
    for name, make in (("rule-engine", peers.with_rule_engine), ("zen-engine", peers.with_zen)):
        what = f"matching {_PEER_RULES:,} rules: {name} ÷ ours"
        try:
            match = make(conditions)
        except ImportError:
            yield skipped("T10", what, f"{name} is not installed", case=name)
            continue
        found = match(event)
        if found != expected:
            raise AssertionError(f"{name} finds {found}, the router {expected}")
        taken = _time(
            rounds, {"ours": _judging(rules, event), name: functools.partial(match, event)}
        )
        figures = {f"{side} µs": median(times) for side, times in taken.items()}
        yield row("T10", what, ratios(taken[name], taken["ours"]), case=name, figures=figures)


def _at_worst(event: dict[str, Any], shapes: "tuple[_Shape, ...]", rounds: int) -> Iterator[Row]:
    """Shapes that are hard on an index: cost of 10,000 rules against that of 1,000."""
    for name, shape, hostile in shapes:
        sides = {}
        hits = 0
        data = {**event, "data": {**event["data"], **hostile}}
        everything = peers.compiled([shape(number) for number in range(10_000)])
        for size in (1000, 10_000):
            rules = RuleSet(everything[:size])
            found = rules.judge(data["type"], data).matches
            assert [each.name for each in found] == _names_of_all(rules, data)  # noqa: S101
            hits = len(found)
            sides[str(size)] = _judging(rules, data)
        taken = _time(rounds, sides)
        yield row(
            "T10",
            f"{name}: 10,000 rules, of which {hits:,} hold",
            taken["10000"],
            case=name,
            unit="µs",
            figures={f"{size} rules µs": median(times) for size, times in taken.items()},
        )


_Shape = tuple[str, Callable[[int], str], dict[str, Any]]
_SHAPES: Final[tuple[_Shape, ...]] = (
    ("one field ==", lambda n: f'data.status == "s{n}"', {"status": "s7"}),
    ("!= everywhere", lambda n: f'data.status != "s{n}"', {}),
    ("patterns only", lambda n: f'data.friendly_name.matches("Team {n} .*[0-9]+")', {}),
    ("10,000 fields", lambda n: f"data.field_{n} == 1", {"field_7": 1}),
    ("thresholds, none hit", lambda n: f"data.duration_seconds > {4000 + n}", {}),
    ("thresholds, all hit", lambda n: f"data.duration_seconds > {n / 10_000}", {}),
    (
        "prefixes",
        lambda n: f'data.friendly_name.startsWith("Team {n} ")',
        {"friendly_name": "Team 7 x"},
    ),
    (
        "or of two ==",
        lambda n: f'data.status == "s{n}" || data.end_reason == "r{n}"',
        {"end_reason": "r7"},
    ),
)


def _judging(rules: Any, event: dict[str, Any]) -> Callable[[], object]:
    event_type = event["type"]
    judge = rules.judge
    return lambda: judge(event_type, event)


def _naive(rules: Any, event: dict[str, Any]) -> list[int]:
    return [int(name) for name in _names_of_all(rules, event)]


def _names_of_all(rules: Any, event: dict[str, Any]) -> list[str]:
    return [
        rule.name
        for rule in rules.candidates(event["type"])
        if rule.condition is None or rule.condition.verdict(event) is Verdict.MATCH
    ]


def _time(rounds: int, sides: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """µs of CPU for a call of each side, round by round."""
    return alternate(rounds, {name: _timer(call) for name, call in sides.items()})


def _timer(call: Callable[[], object]) -> Callable[[], float]:
    began = time.process_time()
    call()
    times = max(1, min(20_000, int(_ROUND_SECONDS / max(1e-7, time.process_time() - began))))

    def measure() -> float:
        began = time.process_time()
        for _ in range(times):
            call()
        return (time.process_time() - began) / times * 1e6

    return measure

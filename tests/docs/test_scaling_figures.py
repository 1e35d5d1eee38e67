"""The table of docs/explanation/scaling.md follows from the figures and the formulae that are on the page."""

import math
import re
from typing import Final

from support.site_hooks import DOCS

PAGE: Final = (DOCS / "explanation" / "scaling.md").read_text("utf-8")
COSTS: Final = [int(us) for us in re.findall(r"^\| `\w+`[^|]*\| (\d+) \|", PAGE, re.MULTILINE)]
ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in re.findall(r"^\| [\d,]+ \|.*\|$", PAGE, re.MULTILINE)
]
DAY: Final = 86_400


def cores(rate: int, microseconds: float) -> str:
    return str(math.ceil(rate * microseconds / 1e6 / 0.7))


def worker(matching: float) -> float:
    _, _, filtered, matched, delivery, _, _ = COSTS
    return (1 - matching) * filtered + matching * (matched + delivery)


def gigabytes(number: float) -> str:
    return f"{number / 1e9:.2f} GB" if number < 1e9 else f"{number / 1e9:.1f} GB"


def expected(rate: int) -> list[str]:
    single, hundred, _, _, _, redis_single, redis_fifty = COSTS
    claims = rate * 20 * DAY
    memory = 2 * claims / 0.65
    return [
        f"{rate:,}",
        cores(rate, single),
        cores(rate, hundred),
        cores(rate, worker(0.1)),
        cores(rate, worker(1)),
        f"{rate * redis_single / 1e4:.0f} %",
        f"{rate * redis_fifty / 1e4:.0f} %",
        gigabytes(claims),
        f"{memory / 1e9:.1f} GB",
        f"{memory / 3e9:.1f} GB",
    ]


def test_each_row_is_what_the_formulae_give() -> None:
    assert [expected(rate) for rate in (100, 1_000, 10_000, 50_000)] == ROWS


def test_a_worker_s_figures_make_the_measured_event() -> None:
    """T12 measured 410 µs for an event that is evaluated and delivered."""
    assert worker(1) == 410


def test_the_costs_are_those_of_the_benchmarks() -> None:
    benchmarks = (DOCS / "explanation" / "benchmarks.md").read_text("utf-8")

    assert [
        text
        for text in (
            "ingress 320",
            "16 to 20 µs",
            "27,700 events/s",
            "410 µs",
            "73 to 97 µs",
            "33 µs",
        )
        if text not in benchmarks
    ] == []

"""Counts over time for plots, and what is true now."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.clock import SetClock

from router.api.stats import OVERVIEW
from router.clock import Clock
from router.journal.connection import Connection
from router.journal.series import Additions, Series

Ask = Callable[..., Awaitable[tuple[int, Any]]]


async def test_series_and_the_figures_of_now(
    ask: Ask, connection: Connection, clock: Clock, time: SetClock
) -> None:
    counts = {
        "events_received/*/accepted": 120,
        "events_evaluated/matched": 5,
        "alerts_notified/*": 4,
        "rule_matches/quality": 5,
    }
    await Series(connection, clock).add("one", [Additions(1, counts)])
    time.now += 20

    status, stats = await ask("GET", "stats?points=3")
    assert status == 200
    assert [each["name"] for each in stats["series"]] == list(OVERVIEW)
    assert stats["series"][0]["points"] == [120, 0, 0]
    now = stats["now"]
    assert (now["events_per_second"], now["matched_per_minute"], now["notified_per_minute"]) == (
        2.0,
        5,
        4,
    )
    assert now["queues"] == [
        {"name": "evaluate", "depth": 0, "oldest_age_seconds": 0.0},
        {"name": "timers", "depth": 0, "oldest_age_seconds": 0.0},
        {"name": "deliver:mail", "depth": 0, "oldest_age_seconds": 0.0},
    ]
    assert now["redis_memory_bytes"] > 0

    _, stats = await ask("GET", "stats?series=rule_matches/quality&resolution=1h&points=1")
    assert stats["series"] == [{"name": "rule_matches/quality", "points": [5]}]
    assert stats["resolution_seconds"] == 3600


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("series=claims", "series[0]: Expected `str` matching regex"),
        ("resolution=5s", "resolution: Invalid enum value '5s'"),
        ("points=0", "points: Expected `int` >= 1"),
    ],
)
async def test_a_query_that_is_wrong_is_answered_400(ask: Ask, query: str, message: str) -> None:
    status, answer = await ask("GET", f"stats?{query}")

    assert status == 400
    assert answer["error"]["message"].startswith(message)

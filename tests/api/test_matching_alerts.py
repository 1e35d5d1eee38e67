"""How many open alerts a silence matches."""

from typing import Any

import pytest
from support.keyed import START, put

from router.alerts import Severity
from router.api.matching_alerts import MatchingAlerts, count_matching
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts
from router.rules.suppression.silences import SilenceText, silence

NOW = START / 1000


async def count(connection: Connection, limit: int = 100, **subject: Any) -> MatchingAlerts:
    text = SilenceText(**subject, ends="2033-01-01T00:00:00Z", author="ann", comment="work")
    return await count_matching(KeyedAlerts(connection), silence("s", text), NOW, limit=limit)


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ({"match": {"rule": "trunk-down"}}, 3),
        ({"match": {"rule": "other"}}, 1),
        ({"match": {"severity": "critical"}}, 1),
        ({"match": {"labels.team": "voice", "data.status": "completed"}}, 1),
        ({"match": {"data.status": "in_progress"}}, 0),
        ({"when": "key in ['ak_pending', 'ak_over', 'ak_expired']"}, 1),
    ],
)
async def test_open_alerts_that_match_are_counted(
    connection: Connection, sample: bytes, subject: dict[str, Any], number: int
) -> None:
    await put(connection, sample, "ak_1", {"severity": Severity.CRITICAL})
    await put(connection, sample, "ak_2", {"labels": {"team": "voice"}})
    await put(connection, sample, "ak_pending", status="pending")
    await put(connection, sample, "ak_other", {"rule": "other"}, until=START + 1)
    await put(connection, sample, "ak_over", status="resolved")
    await put(connection, sample, "ak_expired", until=START - 1)

    assert await count(connection, **subject) == MatchingAlerts(number, is_complete=True)


async def test_the_count_is_bounded_and_says_so(connection: Connection, sample: bytes) -> None:
    subject = {"match": {"rule": "trunk-down"}}
    for number in range(4):
        await put(connection, sample, f"ak_{number}")

    assert await count(connection, 3, **subject) == MatchingAlerts(3, is_complete=False)
    assert await count(connection, 5, **subject) == MatchingAlerts(4, is_complete=True)

    await connection.redis.hset(keys.keyed_alert("ak_2"), "record", b"\xc1")
    assert await count(connection, 5, **subject) == MatchingAlerts(3, is_complete=False)

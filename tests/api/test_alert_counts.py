"""How many alerts are in each state, within a bound."""

from support.keyed import START, put

from router.alerts import AlertKey
from router.api.alert_counts import AlertCounts, count_alerts
from router.api.alert_filter import AlertFilter
from router.api.alert_views import KeyedState
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts


async def test_each_state_is_counted_and_what_is_over_is_not_acknowledged(
    connection: Connection, sample: bytes
) -> None:
    await put(connection, sample, "ak_1", why="muted")
    await put(connection, sample, "ak_2", status="pending")
    await put(connection, sample, "ak_3", {"rule": "other"})
    await put(connection, sample, "ak_4", status="resolved")
    for key in ("ak_1", "ak_4"):
        await Acknowledgements(connection).acknowledge(AlertKey(key), "ann", START / 1000)
    alerts, now = KeyedAlerts(connection), START / 1000
    rule = AlertFilter(rule="trunk-down", states=frozenset({KeyedState.PENDING}))

    assert await count_alerts(alerts, rule, now) == AlertCounts(
        open=2, pending=1, suppressed=1, acknowledged=1, resolved=1
    )
    assert (await count_alerts(alerts, AlertFilter(), now)).open == 3
    assert not (await count_alerts(alerts, AlertFilter(), now, limit=2)).complete

"""The gauges of keyed alerts show how many there are, how near to their bounds, and how late they are judged."""

from support.clock import SetClock

from router.journal import keys
from router.journal.alert_gauges import AlertGauges
from router.journal.connection import Connection
from router.metrics import Metrics
from router.rules.state.alert_limits import AlertLimits


def shown(metrics: Metrics) -> dict[str, float]:
    return {
        "/".join((sample.name.removeprefix("router_"), *sample.labels.values())): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if "keyed_alerts" in metric.name or "looks" in metric.name
        if metric.type == "gauge"
    }


async def test_gauges_show_the_alerts_of_all_rules_and_of_the_largest_one(
    connection: Connection, time: SetClock
) -> None:
    redis, metrics = connection.redis, Metrics()
    gauges = AlertGauges(connection, metrics, time.clock(), AlertLimits(40, 5))
    await gauges.update()
    empty = shown(metrics)
    await redis.zadd(keys.KEYED_ALERTS, {f"ak_{number}": 1 for number in range(10)})
    await redis.hset(keys.ALERT_COUNTS, mapping={"rule-1": 6, "rule-2": 4, "rule-3": 0})
    now = int(time.clock().now() * 1000)
    await redis.zadd(keys.LOOKS, {"ak_1": now - 9000, "ak_2": now - 8000, "!all": now + 1})

    await gauges.update()

    assert set(empty.values()) == {0}
    assert shown(metrics) == {
        "keyed_alerts": 10,
        "keyed_alerts_used_ratio/all": 0.25,
        "keyed_alerts_used_ratio/rule": 1.2,
        "looks_overdue_seconds": 9,
    }


async def test_a_look_that_is_not_due_is_not_overdue_and_no_rule_has_no_share(
    connection: Connection, time: SetClock
) -> None:
    metrics = Metrics()
    gauges = AlertGauges(connection, metrics, time.clock(), AlertLimits())
    await connection.redis.zadd(keys.LOOKS, {"ak_1": time.clock().now() * 1000 + 5000})

    await gauges.update()

    assert shown(metrics) == {
        "keyed_alerts": 0,
        "keyed_alerts_used_ratio/all": 0,
        "keyed_alerts_used_ratio/rule": 0,
        "looks_overdue_seconds": 0,
    }

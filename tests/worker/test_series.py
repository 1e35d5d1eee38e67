"""The differences of a process's counters become series, once each; an idle process sends nothing."""

import pytest
from support.clock import SetClock

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.series import Resolution, Series, writer_key
from router.metrics import Metrics
from router.worker.series import SeriesRecorder, differences


def test_a_value_adds_to_its_series_and_to_the_sums_over_its_labels() -> None:
    before = {("deliveries", "mail", "delivered"): 4, ("rule_matches", "quality"): 7}
    now = {
        ("deliveries", "mail", "delivered"): 6,
        ("deliveries", "slack", "delivered"): 1,
        ("rule_matches", "quality"): 7,
    }

    assert differences(before, now) == {
        "deliveries/mail/delivered": 2,
        "deliveries/slack/delivered": 1,
        "deliveries/*/delivered": 3,
        "deliveries/mail/*": 2,
        "deliveries/slack/*": 1,
    }


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.rule_matches.labels("quality").inc(100)  # before the recorder began: of no use
    return metrics


async def test_what_was_counted_since_the_last_time_is_added(
    connection: Connection, clock: Clock, metrics: Metrics, time: SetClock
) -> None:
    recorder = SeriesRecorder(connection, metrics, clock)
    metrics.rule_matches.labels("quality").inc(2)
    metrics.events_received.labels("twilio", "accepted").inc()
    await recorder.record()
    time.now += 10
    metrics.rule_matches.labels("quality").inc()
    await recorder.flush()

    names = ["rule_matches/quality", "rule_matches/*", "events_received/*/accepted"]
    assert await Series(connection, clock).read(names, Resolution.TEN_SECONDS, 2) == {
        "rule_matches/quality": [2, 1],
        "rule_matches/*": [2, 1],
        "events_received/*/accepted": [1, 0],
    }


async def test_a_process_that_has_counted_nothing_sends_nothing(
    connection: Connection, clock: Clock, metrics: Metrics
) -> None:
    recorder = SeriesRecorder(connection, metrics, clock)
    await connection.redis.config_resetstat()
    await recorder.record()

    assert await connection.redis.dbsize() == 0
    calls = await connection.redis.info("commandstats")
    assert not {"cmdstat_evalsha", "cmdstat_eval"} & calls.keys()


async def test_a_write_that_failed_is_repeated_with_the_next_one(
    connection: Connection, clock: Clock, metrics: Metrics
) -> None:
    """Redis without memory rejects it; the first one may also have arrived without its reply."""
    recorder = SeriesRecorder(connection, metrics, clock)
    await connection.redis.config_set("maxmemory", "1")
    metrics.rule_matches.labels("quality").inc(1)
    for _ in range(2):
        with pytest.raises(JournalUnavailableError):
            await recorder.record()
        metrics.rule_matches.labels("quality").inc(1)
    await recorder.flush()
    await connection.redis.config_set("maxmemory", "0")
    await recorder.record()
    await recorder.record()

    name = "rule_matches/quality"
    assert await Series(connection, clock).read([name], Resolution.MINUTE, 1) == {name: [3]}
    (writer,) = await connection.redis.keys(writer_key("*"))
    assert await connection.redis.get(writer) == b"2"

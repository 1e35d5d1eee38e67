"""One alert: its timeline, its messages, and acting on it."""

from pathlib import Path

from support.console_router import OPERATOR, watched_router
from support.console_visit import visiting
from support.keyed import put
from support.waiting import until

from router.alerts import AlertKey
from router.datatypes import Secret
from router.history.delivery_history import DeliveryHistory
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts


async def test_an_alert_shows_what_happened_and_what_its_readers_saw(
    redis_url: Secret, connection: Connection, tmp_path: Path, sample: bytes
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        (key, _) = await KeyedAlerts(connection).latest_keys(2)
        path = f"/console/alerts/{key}"
        deliveries = DeliveryHistory(connection)

        async def have_ended() -> bool:
            return len(await deliveries.of_key(AlertKey(key), limit=5)) == 2

        await until(have_ended)
        page = await visit.get(path)
        message = await visit.get(f"{path}/messages/chat")
        none = await visit.get(f"{path}/messages/elsewhere")
        await put(connection, sample, "ak_1")
        await connection.redis.hset(keys.keyed_alert("ak_1"), "record", b"\xc1")
        unreadable = await visit.get("/console/alerts/ak_1")
        unknown = await visit.get("/console/alerts/ak_2")

    for words in (
        "began to fire",
        "notified noc, chat",
        "noc received that it is firing",
        "chat was not told that it is firing: dead letter",
        "Three issues or more.",
    ):
        assert words in page.text
    assert f'src="{path}/messages/chat"' in page.body
    assert message.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert "issues in" in message.text
    assert none.status == 404
    assert (unreadable.status, "cannot be read" in unreadable.text) == (409, True)
    assert (unknown.status, "no alert has the key ak_2" in unknown.text) == (404, True)


async def test_an_alert_is_acknowledged_given_back_and_resolved(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        (key, _) = await KeyedAlerts(connection).latest_keys(2)
        path = f"/console/alerts/{key}"
        await visit.get(path)
        for verb, said, shown in (
            ("acknowledge", "Acknowledged", "acknowledged by operator"),
            ("unacknowledge", "reminders and escalation go on", "acknowledgement withdrawn by"),
            ("unacknowledge", "It was not acknowledged.", "Acknowledge"),
            ("resolve", "Resolved.", "resolved by operator"),
        ):
            page = await visit.post(f"{path}/{verb}")
            assert said in page.text, verb
            assert shown in page.text, verb
        over = await visit.post(f"{path}/acknowledge")

    assert "Acknowledge</button>" not in page.body
    assert (over.status, "the alert is resolved" in over.text) == (409, True)

"""Keyed alerts: listed by their last change, with their acknowledgement; the unreadable as such."""

from typing import Any

import msgspec
import pytest
from support.keyed import START, put

from router.journal import keys, pagination
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts, UnreadableAlert
from router.rules.state.keyed_alert import AlertRecord, LogEntry, ToldStatus

ENCODE = msgspec.msgpack.encode


@pytest.fixture
def alerts(connection: Connection) -> KeyedAlerts:
    return KeyedAlerts(connection)


async def all_pages(alerts: KeyedAlerts, count: int, wanted: Any = lambda _: True) -> list[str]:
    found: list[FoundAlert] = []
    after = None
    while True:
        page = await pagination.collect(alerts.find(wanted), after, count=count)
        found += page.items
        if page.after is None:
            return [each.key for each in found]
        after = page.after


async def one(alerts: KeyedAlerts, key: str) -> KeyedAlert:
    found = await alerts.get(key)
    assert isinstance(found, KeyedAlert)
    return found


@pytest.mark.parametrize("count", [1, 2, 100])
async def test_pages_have_each_alert_once_the_latest_change_first(
    alerts: KeyedAlerts, connection: Connection, sample: bytes, count: int
) -> None:
    for number, at in enumerate((3, 1, 2, 2, 5)):
        await put(connection, sample, f"ak_{number}", changed=START + at)

    assert await all_pages(alerts, count) == ["ak_4", "ak_0", "ak_3", "ak_2", "ak_1"]
    only = await all_pages(alerts, count, lambda found: found.key < "ak_2")
    assert only == ["ak_0", "ak_1"]


async def test_one_is_found_with_all_that_is_known_of_it(
    alerts: KeyedAlerts, connection: Connection, sample: bytes
) -> None:
    record = AlertRecord(
        version=4,
        since=START,
        changed=START + 9,
        count=3,
        why="muted",
        told={"chat": ToldStatus("firing", START, 2)},
        log=[LogEntry(START, "opened"), LogEntry(START + 1, "notified", "chat")],
    )
    await put(connection, sample, "ak_1", {"rule": "r"}, **msgspec.structs.asdict(record))

    found = await one(alerts, "ak_1")

    assert (found.key, found.changed_at, found.record) == ("ak_1", START / 1000 + 0.009, record)
    assert (found.alert.rule, found.acknowledgement) == ("r", None)
    assert await alerts.get("ak_2") is None


@pytest.mark.parametrize(
    ("status", "until", "now", "shown"),
    [
        ("firing", 0, 10, "firing"),
        ("firing", START + 10_000, 10, "firing"),
        ("firing", START + 10_000, 10.001, "resolved"),
        ("pending", START + 10_000, 11, "pending"),
        ("resolved", START + 10_000, 11, "resolved"),
    ],
)
async def test_an_alert_that_is_over_is_shown_resolved(
    alerts: KeyedAlerts,
    connection: Connection,
    sample: bytes,
    status: str,
    until: int,
    now: float,
    shown: str,
) -> None:
    await put(connection, sample, "ak_1", status=status, until=until)

    found = await one(alerts, "ak_1")

    at = START / 1000 + now
    assert (found.status(at), found.is_expired(at)) == (shown, status != shown)


async def test_an_acknowledgement_belongs_to_the_life_in_which_it_was_given(
    alerts: KeyedAlerts, connection: Connection, sample: bytes
) -> None:
    key = await put(connection, sample, "ak_1")
    await Acknowledgements(connection).acknowledge(key, "ann", START / 1000)

    found = await one(alerts, key)
    assert found.acknowledgement == Acknowledgement("ann", START / 1000)
    assert found.is_acknowledged

    await put(connection, sample, "ak_1", since=START - 5, opened_at=START + 1)
    assert not (await one(alerts, key)).is_acknowledged


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"record": b"\xc1"}, "not a keyed alert: "),
        ({"record": ENCODE({"form": 2, "status": 7})}, "keyed alert of version 200: this router"),
        ({"record": ENCODE({"form": 2})}, "keyed alert of version 200: this router"),
        ({"record": ENCODE([1])}, "not a keyed alert: "),
        ({"alert": b"\xc1"}, "not a latest alert: "),
        (None, "not a keyed alert: its key has another type"),
    ],
)
async def test_one_that_cannot_be_read_is_listed_among_the_others(
    alerts: KeyedAlerts,
    connection: Connection,
    sample: bytes,
    fields: dict[str, bytes] | None,
    reason: str,
) -> None:
    for number in range(3):
        await put(connection, sample, f"ak_{number}")
    name = keys.keyed_alert("ak_1")
    if fields is None:
        await connection.redis.delete(name)
        await connection.redis.set(name, "x")
    else:
        await connection.redis.hset(name, mapping=fields)

    page = await alerts.find(lambda _: True)(None, 9)

    kinds = [type(each) for each in page.items]
    assert kinds == [KeyedAlert, UnreadableAlert, KeyedAlert]
    found = await alerts.get("ak_1")
    assert isinstance(found, UnreadableAlert)
    assert found.reason.startswith(reason)
    assert found == page.items[1]


async def test_what_is_gone_or_has_no_text_as_key_hides_no_other(
    alerts: KeyedAlerts, connection: Connection, sample: bytes
) -> None:
    await put(connection, sample, "ak_1")
    await connection.redis.zadd(keys.KEYED_ALERTS, {"ak_gone": START + 1, b"\xff": START + 2})
    await connection.redis.hset(keys.keyed_alert("").encode() + b"\xff", "record", b"\xc1")

    assert await all_pages(alerts, 1) == ["base64:_w==", "ak_1"]
    assert isinstance(await alerts.get("base64:_w=="), UnreadableAlert)


@pytest.mark.parametrize("fields", [{"at": "soon"}, {"by": b"\xff", "at": "1"}, None])
async def test_an_acknowledgement_that_cannot_be_read_is_none(
    alerts: KeyedAlerts, connection: Connection, sample: bytes, fields: dict[str, Any] | None
) -> None:
    key = await put(connection, sample, "ak_1")
    name = keys.acknowledgement(key)
    if fields is None:
        await connection.redis.set(name, "x")
    else:
        await connection.redis.hset(name, mapping=fields)

    assert (await one(alerts, key)).acknowledgement is None


async def test_the_bytes_of_a_page_are_limited(
    alerts: KeyedAlerts, connection: Connection, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await put(connection, sample, f"ak_{number}")
    monkeypatch.setattr(pagination, "PAGE_BYTES", 1)

    page = await alerts.find(lambda _: True)(None, 9)

    assert [each.key for each in page.items] == ["ak_3"]
    assert await all_pages(alerts, 9) == ["ak_3", "ak_2", "ak_1", "ak_0"]

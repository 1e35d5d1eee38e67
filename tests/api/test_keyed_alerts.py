"""``/api/v1/alerts``: what is wrong now, who takes care of it, and its history."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.keyed import START, put
from support.lanes import Outbox, message
from support.waiting import until

from router.alerts import AlertKey, AlertStatus, Severity
from router.api.access import Access
from router.api.keyed_alerts import KeyedAlertsApi
from router.clock import Clock
from router.datatypes import Secret
from router.journal import keys
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.keys import TimerId
from router.journal.silences import Silences
from router.rules.state.keyed_alert import Change, LogEntry, ToldStatus
from router.rules.suppression.silences import SilenceText
from router.settings.model import Settings
from router.settings.tokens import Tokens

Ask = Callable[..., Awaitable[tuple[int, Any]]]
ANN = {"by": "ann"}


def told(*names: str, status: str = "firing") -> dict[str, ToldStatus]:
    return {name: ToldStatus(status, START, 2) for name in names}


async def test_pages_show_what_is_wrong_now(
    ask: Ask, connection: Connection, sample: bytes
) -> None:
    alert = {"summary": "{{ data.friendly_name }} <b>", "severity": Severity.CRITICAL}
    await put(
        connection,
        sample,
        "ak_1",
        {**alert, "labels": {"team": "voice"}},
        why="muted",
        ends=START + 60_000,
        held=2,
        count=3,
        told=told("chat"),
    )
    await put(connection, sample, "ak_2", changed=START + 5000, until=START - 1)
    await Acknowledgements(connection).acknowledge(AlertKey("ak_1"), "ann", START / 1000 + 1)
    await connection.redis.hset(keys.keyed_alert("ak_3"), "record", b"\xc1")
    await connection.redis.zadd(keys.KEYED_ALERTS, {"ak_3": START - 1})

    _, first = await ask("GET", "alerts?limit=2")
    _, rest = await ask("GET", f"alerts?limit=2&after={first['after']}")

    over, open_, unreadable = first["alerts"] + rest["alerts"]
    assert rest["after"] == ""
    assert (over["key"], over["status"], over["expired"]) == ("ak_2", "resolved", True)
    assert over["resolved_at"] == "2023-11-14T22:13:19.999Z"
    assert open_ == {
        "key": "ak_1",
        "rule": "trunk-down",
        "severity": "critical",
        "status": "firing",
        "expired": False,
        "since": "2023-11-14T22:13:20.000Z",
        "changed_at": "2023-11-14T22:13:20.000Z",
        "resolved_at": "",
        "count": 3,
        "summary": "Weekly Standup Meeting <b>",
        "labels": {"team": "voice"},
        "acknowledged": {"by": "ann", "at": "2023-11-14T22:13:21.000Z"},
        "suppressed": {"reason": "muted", "until": "2023-11-14T22:14:20.000Z", "dropped": False},
        "held_back": 2,
        "problem": "",
    }
    assert (unreadable["key"], unreadable["status"]) == ("ak_3", "unreadable")
    assert unreadable["problem"].startswith("not a keyed alert: ")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=firing,pending", ["ak_2", "ak_1"]),
        ("state=pending&state=resolved", ["ak_3", "ak_2"]),
        ("rule=trunk-down&severity=critical,info", ["ak_1"]),
        ("label=team:voice&label=site=b", ["ak_1"]),
        ("text=STANDUP", ["ak_3", "ak_2", "ak_1"]),
        ("text=nothing-like-it", []),
    ],
)
async def test_filters(
    ask: Ask, connection: Connection, sample: bytes, query: str, found: list[str]
) -> None:
    labelled = {"severity": Severity.CRITICAL, "labels": {"team": "voice", "site": "b"}}
    await put(connection, sample, "ak_1", labelled)
    await put(connection, sample, "ak_2", {"labels": {"team": "voice"}}, status="pending")
    await put(connection, sample, "ak_3", {"rule": "other"}, status="resolved")

    _, page = await ask("GET", f"alerts?{query}")

    assert [each["key"] for each in page["alerts"]] == found
    assert page["counts"] is None


async def test_the_alerts_of_each_state_are_counted_if_asked_for(
    ask: Ask, connection: Connection, sample: bytes
) -> None:
    await put(connection, sample, "ak_1")
    await put(connection, sample, "ak_2", status="pending")

    _, page = await ask("GET", "alerts?state=pending&counts=true")

    assert [each["key"] for each in page["alerts"]] == ["ak_2"]
    assert (page["counts"]["open"], page["counts"]["pending"]) == (2, 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "alerts?state=firingg", None, 400, "state: no state 'firingg' (did you mean \"f"),
        ("GET", "alerts?severity=worst", None, 400, "severity: no severity 'worst' (there are: "),
        ("GET", "alerts?label=team", None, 400, "label: 'team' is not a name and a value"),
        ("GET", "alerts?stat=firing", None, 400, "unknown query parameter 'stat'"),
        ("GET", "alerts?after=x", None, 400, "after: 'x' is not a cursor"),
        ("GET", "alerts/ak_9", None, 404, 'no alert has the key ak_9 (did you mean "ak_'),
        ("POST", "alerts/ak_9/acknowledge", ANN, 404, "no alert has the key ak_9"),
        ("POST", "alerts/ak_1/acknowledge", {}, 400, "by is empty: give the name"),
        ("POST", "alerts/ak_1/acknowledge", {"by": " "}, 400, "by is empty: give the name"),
        ("POST", "alerts/ak_1/unacknowledge", {"by": "x" * 201}, 400, "length <= 200"),
        ("POST", "alerts/ak_2/acknowledge", ANN, 409, "the alert is resolved"),
        ("POST", "alerts/ak_3/acknowledge", ANN, 409, "not a keyed alert: "),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    ask: Ask,
    connection: Connection,
    sample: bytes,
    method: str,
    path: str,
    body: object,
    status: int,
    message: str,
) -> None:
    await put(connection, sample, "ak_1")
    await put(connection, sample, "ak_2", until=START - 1)
    await put(connection, sample, "ak_3")
    await connection.redis.hset(keys.keyed_alert("ak_3"), "record", b"\xc1")

    found, answer = await ask(method, path, json=body)

    assert (found, message in answer["error"]["message"]) == (status, True), answer


async def test_one_is_shown_with_its_history_and_what_each_destination_was_told(
    ask: Ask, connection: Connection, clock: Clock, sample: bytes
) -> None:
    log = [LogEntry(START, Change("opened")), LogEntry(START + 1, Change("notified"), "chat mail")]
    key = await put(
        connection,
        sample,
        "ak_1",
        {"description": "No call gets through."},
        told=told("chat", "mail"),
        log=log,
        remind_at=START + 3_600_000,
        reminders=2,
    )
    chat = Outbox(connection, clock, "chat")
    await chat.open(message(7, key=key, destination="chat"))
    await chat.deliver_all()
    silences = Silences(connection, clock)
    for match in ({"rule": "trunk-down"}, {"rule": "other"}):
        ends = "2033-01-01T00:00:00Z"
        await silences.add(SilenceText(match=match, ends=ends, author="ann", comment="work"))
    expected = [each.id for each in await silences.all() if "trunk" in str(each.text.match)]

    status, shown = await ask("GET", f"alerts/{key}")

    assert status == 200
    assert shown["alert"]["key"] == key
    assert shown["description"] == "No call gets through."
    assert {"label": "Rule", "value": "trunk-down"} in shown["facts"]
    assert [(each["destination"], each["received"]) for each in shown["told"]] == [
        ("chat", "firing"),
        ("mail", ""),
    ]
    assert [each["change"] for each in shown["log"]] == ["opened", "notified"]
    assert shown["log"][1]["detail"] == "chat mail"
    assert shown["silences"] == expected
    assert (shown["remind_at"], shown["reminders"]) == ("2023-11-14T23:13:20.000Z", 2)


async def test_an_acknowledgement_is_told_to_those_that_were_told_and_want_it(
    ask: Ask, connection: Connection, clock: Clock, sample: bytes, time: SetClock
) -> None:
    """Mutant: each destination that was told is told, also one that would open an incident again."""
    await AcknowledgementReceivers(connection, clock).register(
        {"chat": True, "pager": True, "tickets": False, "late": True}
    )
    key = await put(
        connection,
        sample,
        "ak_1",
        {"summary": "{{ data.friendly_name }}"},
        told={**told("chat", "tickets"), **told("pager", status="resolved")},
    )
    time.now += 5

    status, answer = await ask("POST", f"alerts/{key}/acknowledge", json={"by": " ann "})

    assert (status, answer["told"]) == (200, 1)
    assert answer["alert"]["acknowledged"] == {"by": "ann", "at": "2023-11-14T22:13:25.000Z"}
    assert await Acknowledgements(connection).acknowledged(key) == Acknowledgement("ann", time.now)
    ((_, sent),) = await Outbox(connection, clock, "chat").in_sets()
    assert (sent.alert.status, sent.alert.acknowledged_by) == (AlertStatus.ACKNOWLEDGED, "ann")
    _, shown = await ask("GET", f"alerts/{key}")
    assert [(each["change"], each["detail"]) for each in shown["log"]] == [("acknowledged", "ann")]

    status, answer = await ask("POST", f"alerts/{key}/unacknowledge", json=ANN)
    assert (status, answer["was_acknowledged"]) == (200, True)
    assert answer["alert"]["acknowledged"] is None


async def test_an_alert_is_resolved_by_a_worker(
    ask: Ask, connection: Connection, sample: bytes
) -> None:
    key = await put(connection, sample, "ak_1")

    async def work() -> None:
        await until(lambda: connection.redis.exists(keys.timer(TimerId(f"resolution-{key}"))))
        await put(connection, sample, "ak_1", status="resolved", resolved_at=START)

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ask("POST", f"alerts/{key}/resolve", json=ANN))
        group.create_task(work())

    status, answer = asked.result()
    assert (status, answer["status"], answer["alert"]["status"]) == (200, "resolved", "resolved")
    assert (await ask("POST", f"alerts/{key}/resolve", json=ANN))[0] == 409


async def test_without_a_worker_it_is_resolving(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    await put(connection, sample, "ak_1")
    access = Access(Settings(admin_token=Tokens.of(Secret("x"))))
    api = KeyedAlertsApi(connection, clock, access, resolve_seconds=0.01)
    application = web.Application()
    application.add_routes(api.routes())
    async with (
        TestClient(TestServer(application), headers={"Authorization": "Bearer x"}) as client,
        client.post("/api/v1/alerts/ak_1/resolve", json=ANN) as response,
    ):
        assert (response.status, (await response.json())["status"]) == (202, "resolving")


async def test_it_is_for_operators_only(ask: Ask, connection: Connection, sample: bytes) -> None:
    await put(connection, sample, "ak_1")
    for method, path in (
        ("GET", "alerts"),
        ("GET", "alerts/ak_1"),
        ("POST", "alerts/ak_1/acknowledge"),
        ("POST", "alerts/ak_1/unacknowledge"),
        ("POST", "alerts/ak_1/resolve"),
    ):
        assert (await ask(method, path, headers={}, json=ANN))[0] == 401
    assert await Acknowledgements(connection).acknowledged(AlertKey("ak_1")) is None

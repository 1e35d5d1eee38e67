"""``/api/v1/events``: lists, streams, single events and replays."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.past import Past
from yarl import URL

from router.api import event_list, event_stream
from router.api.access import Access
from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.events.masks import Masks
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory, HistoryPage
from router.history.records import EventRecord
from router.journal import keys
from router.journal.audit import Audit, AuditAction, Audited, AuditFilter
from router.journal.connection import Connection
from router.runtime.build_api import build_history_routes
from router.settings.choices import KeptBody
from router.settings.model import Settings
from router.settings.tokens import Tokens

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], when: data.n >= 3, send_to: [noc]}
"""
ACCESS = Access(Settings(admin_token=Tokens.of(Secret("t")), viewer_token=Tokens.of(Secret("v"))))
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def past(connection: Connection) -> AsyncIterator[Past]:
    return Past(connection, SetClock(), RULES)


@pytest.fixture
async def client(past: Past) -> AsyncIterator[Client]:
    application = web.Application()
    application.add_routes(
        build_history_routes(
            past.connection, past.clock, ACCESS, Masks(), lambda: past.configuration
        )
    )
    async with TestClient(TestServer(application)) as client:
        yield client


async def get(client: Client, path: str, **headers: str) -> tuple[int, bytes]:
    url = URL(f"/api/v1/{path}", encoded=True)
    async with client.get(url, headers={"Authorization": "Bearer v", **headers}) as response:
        return response.status, await response.read()


async def listed(client: Client, query: str) -> list[str]:
    status, body = await get(client, f"events?{query}")
    assert status == 200, body
    return [each["id"] for each in msgspec.json.decode(body)["events"]]


async def replay(client: Client, **selection: object) -> dict[str, object]:
    headers = {"Authorization": "Bearer t"}
    async with client.post("/api/v1/events/replay", json=selection, headers=headers) as response:
        assert response.status == 200, await response.text()
        found: dict[str, object] = await response.json()
        return found


async def evaluated(past: Past) -> int:
    """Let a worker evaluate all open batches; return how many there were."""
    names = await past.connection.redis.zrange(keys.BATCHES, 0, 99)
    for name in names:
        await past.evaluate.run(keys.BatchId(name.decode()))
    return len(names)


async def test_a_list_has_the_events_that_match_and_a_cursor(past: Past, client: Client) -> None:
    await past.send(past.event("1", n=1), past.event("2", n=5))
    past.time.now += 3600
    await past.send(past.event("3", n=7, type="b", source="other"))
    queries = {
        "": ["3", "2", "1"],
        "type=a": ["2", "1"],
        "type=x*&type=b": ["3"],
        "source=other": ["3"],
        "outcome=matched": ["2"],
        "outcome=matched&outcome=filtered&newer_than=30m": ["3"],
        "rule=high": ["2"],
        "text=OTHER": ["3"],
        "text=%22N%22:7": ["3"],
        "until=2023-11-14T22:30:00Z": ["2", "1"],
        "since=2023-11-14T22:30:00Z": ["3"],
    }
    assert {query: await listed(client, query) for query in queries} == queries
    _, body = await get(client, "events?limit=2")
    page = msgspec.json.decode(body)
    assert (len(page["events"]), page["scanned"]) == (2, 2)
    assert await listed(client, f"limit=2&after={page['after']}") == ["1"]


@pytest.mark.parametrize(
    "query", ["after=nonsense", "since=yesterday", "outcome=odd", "newer_than=5", "limit=0"]
)
async def test_a_parameter_that_is_wrong_is_named(client: Client, query: str) -> None:
    name = query.partition("=")[0]
    for accept in ("*/*", event_stream.NDJSON):
        status, body = await get(client, f"events?{query}", Accept=accept)
        assert status == 400
        assert msgspec.json.decode(body)["error"]["message"].startswith(f"{name}: ")


@pytest.mark.parametrize("source", ["/a/b", "https://h/x?q=1#f", "50% ö", "{x}", "%2F", "a+b c"])
async def test_any_source_and_id_can_be_asked_for(past: Past, client: Client, source: str) -> None:
    await past.send(past.event(f"id {source}", n=1, source=source))
    path = f"events/{quote(source, safe='')}/{quote(f'id {source}', safe='')}"
    status, body = await get(client, path)
    assert status == 200, body
    found = msgspec.json.decode(body)
    assert (found["event"]["source"], found["state"]) == (source, "evaluated")
    status, again = await get(client, f"events/{found['event']['reference']}?rule=high")
    assert (status, msgspec.json.decode(again)["rules"]) == (200, found["rules"])


async def test_an_event_that_is_not_known_is_404_with_what_to_check(client: Client) -> None:
    for path in ("events/s/nope", "events/0011223344556677"):
        status, body = await get(client, path)
        assert status == 404
        assert "History is empty" in msgspec.json.decode(body)["error"]["message"]


async def test_a_stream_has_a_line_for_each_hit_and_says_why_it_ends(
    past: Past, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "_SCANNED_AT_ONCE", 2)
    await past.send(*(past.event(str(n), name=f"x{n}") for n in range(5)))

    async def lines(query: str) -> list[dict[str, object]]:
        status, body = await get(client, f"events?{query}", Accept="application/x-ndjson; q=1")
        assert status == 200
        return [msgspec.json.decode(line) for line in body.splitlines()]

    found = await lines("text=X1")
    assert [each["event"]["id"] for each in found if "event" in each] == ["1"]  # type: ignore[index]
    progress = [each["progress"] for each in found if "progress" in each]
    assert [each["scanned"] for each in progress] == [2, 4, 5]  # type: ignore[index]
    assert found[-1]["end"] == "end"
    limited = await lines("limit=1")
    assert limited[-1]["end"] == "limit"
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", -1.0)
    timed = await lines("")
    assert timed[-1]["end"] == "time"
    assert timed[-1]["progress"]["after"]  # type: ignore[index]


async def test_streams_read_one_at_a_time(
    past: Past, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "_SCANNED_AT_ONCE", 1)
    await past.send(past.event("1", n=1), past.event("2", n=2))
    read, reading = EventHistory.page, 0

    async def alone(history: EventHistory, *arguments: Any, **more: Any) -> Any:
        nonlocal reading
        reading += 1
        page = await read(history, *arguments, **more)
        assert reading == 1
        reading -= 1
        return page

    monkeypatch.setattr(EventHistory, "page", alone)
    async with asyncio.TaskGroup() as group:
        streams = [
            group.create_task(get(client, "events", Accept=event_stream.NDJSON)) for _ in range(5)
        ]
    assert {each.result()[0] for each in streams} == {200}


async def test_a_stream_says_that_redis_does_not_answer_any_more(
    past: Past, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "_SCANNED_AT_ONCE", 1)
    await past.send(past.event("1", n=1), past.event("2", n=2))
    read = EventHistory.page

    async def once(history: EventHistory, *arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(EventHistory, "page", unavailable)
        return await read(history, *arguments, **more)

    async def unavailable(*_: object, **__: object) -> None:
        raise JournalUnavailableError("Redis did not answer")

    monkeypatch.setattr(EventHistory, "page", once)
    status, body = await get(client, "events", Accept=event_stream.NDJSON)
    lines = list(map(msgspec.json.decode, body.splitlines()))
    assert (status, lines[0]["event"]["id"], lines[-1]["end"]) == (200, "2", "unavailable")
    assert lines[-1]["progress"]["after"]
    status, _ = await get(client, "events", Accept=event_stream.NDJSON)
    assert status == 503


async def test_a_stream_ends_when_the_client_is_gone(
    past: Past, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: a scan that never ends would keep the handler, and the server, for ever."""
    await past.send(past.event("1", n=1))
    page = await past.events.page(EventFilter(), limit=1)
    ended = asyncio.Event()

    async def endless(*_: object, **__: object) -> HistoryPage[EventRecord]:
        await asyncio.sleep(0)
        return msgspec.structs.replace(page, after="1.0.0")

    async def streamed(*arguments: Any) -> web.StreamResponse:
        try:
            return await event_stream.stream_events(*arguments)
        finally:
            ended.set()

    monkeypatch.setattr(EventHistory, "page", endless)
    monkeypatch.setattr(event_list, "stream_events", streamed)
    headers = {"Authorization": "Bearer v", "Accept": event_stream.NDJSON}
    response = await client.get("/api/v1/events?limit=1000", headers=headers)
    await response.content.readline()
    response.close()
    await ended.wait()


async def test_a_replay_evaluates_events_again_in_their_order(past: Past, client: Client) -> None:
    await past.send(past.event("1", n=1))
    await past.send(past.event("2", n=2), past.event("3", n=3))
    await past.send(past.event("1", n=1))  # a duplicate

    counted = await replay(client, type=["a"], dry_run=True)
    assert (counted["replayed"], await evaluated(past)) == (3, 0)
    first = await replay(client, type=["a"], limit=2)
    (entry,) = (await Audit(past.connection, past.clock).page(AuditFilter(), "", limit=10)).items
    assert (entry.entry.action, entry.entry.kind) == (AuditAction.REPLAYED, Audited.EVENTS)
    assert entry.entry.details == {"events": 2, "type": "a"}
    assert (first["replayed"], bool(first["after"])) == (2, True)
    rest = await replay(client, type=["a"], after=first["after"], until_ms=first["until_ms"])
    assert (rest["replayed"], rest["after"]) == (1, "")
    assert [each["reason"] for each in rest["refused"]] == [  # type: ignore[attr-defined]
        "dropped as a duplicate: its first copy is replayed instead"
    ]

    past.time.now += 60
    assert await evaluated(past) == 2
    assert await listed(client, "newer_than=30s") == ["3", "2", "1"]
    assert await listed(client, "newer_than=30s&outcome=matched") == ["3"]


async def test_what_cannot_be_replayed_is_refused_with_the_reason(
    past: Past, client: Client
) -> None:
    await past.send(past.event("1", n=1))
    masked = Past(past.connection, past.time, RULES, masked=["data.n"])
    await masked.send(past.event("2", n=1))
    cut = Past(past.connection, past.time, RULES, kept=KeptBody.NONE)
    await cut.send(past.event("3", n=1))
    _, body = await get(client, "events")
    references = [each["reference"] for each in msgspec.json.decode(body)["events"]]

    found = await replay(client, references=[*references, "0" * 16])

    refused = {each["reason"]: each["examples"] for each in found["refused"]}  # type: ignore[attr-defined]
    assert (found["replayed"], found["after"]) == (1, "")
    assert refused == {
        "history has no event with this reference": ["0" * 16],
        "fields of its body are masked: ROUTER_MASKED_FIELDS": [references[1]],
        "history has not kept its body: ROUTER_HISTORY_BODIES was none": [references[0]],
    }


async def test_a_replay_needs_a_selection_and_an_operator(client: Client) -> None:
    for token, status in (("t", 400), ("v", 403)):
        headers = {"Authorization": f"Bearer {token}"}
        async with client.post("/api/v1/events/replay", json={}, headers=headers) as response:
            assert response.status == status

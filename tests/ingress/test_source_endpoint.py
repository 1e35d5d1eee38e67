"""The endpoint of sources with a real Redis: what is verified, mapped, stored, quarantined and refused."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from support.running import Running, running, settings_for
from support.sources import accepted_events, ingress_with, quarantined, write_rules

from router.configuration.load import ConfigurationSource
from router.configuration.variables import MissingVariable
from router.datatypes import Secret
from router.journal.connection import Connection
from router.runtime.roles import Roles, SourcesConfig

SECRET = "secret-of-the-sender"
TOKEN = Secret("0perator-token-of-the-test")
RULES = """
sources:
  crm:
    verify: {hmac: {secret: "${CRM_SECRET}", header: X-Signature, prefix: "sha256="}}
    split: body.items
    skip: item.kind == "ping"
    event:
      type: '"com.crm." + item.kind'
      id: item.id
      source: '"crm"'
      time: item.at
      subject: item.account
      data: item
    events_per_request: 3
  open:
    path: /in/anyone/at-all
    verify: none
    methods: [POST, GET]
    replies:
      - {when: body.type == "hello", json: {challenge: body.challenge}}
    event: {type: '"com.open"', data: '{"body": body, "query": query}'}
  polite:
    verify: none
    accepted: {status: 200, text: thanks}
    replies:
      - {when: body.kind == "ping", status: 202, json: {pong: body.n}}
  confirmed:
    verify: none
    replies:
      - {when: body.kind == "confirm", visit: body.url, hosts: ["127.0.0.1", "sns.*.example.com"]}
  limited:
    verify: none
    rate: 2/m
"""


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    async with ingress_with(
        redis_url, tmp_path / "rules", RULES, {"CRM_SECRET": SECRET}
    ) as process:
        yield process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def send(
    http: aiohttp.ClientSession,
    url: str,
    body: bytes,
    content_type: str = "application/json",
    **headers: str,
) -> tuple[int, Any]:
    sent = {"Content-Type": content_type, **headers}
    async with http.post(url, data=body, headers=sent) as response:
        return response.status, msgspec.json.decode(await response.read())


async def send_signed(
    http: aiohttp.ClientSession, router: Running, content: Any
) -> tuple[int, Any]:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Signature": f"sha256={signature}"}
    return await send(http, f"{router.url}/in/crm", body, **headers)


def item(**changes: object) -> dict[str, object]:
    return {"kind": "deal", "id": 7, "at": 1764000000, "account": "A1", "odd": [1e3], **changes}


async def test_each_item_of_a_signed_request_becomes_an_event(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    answer = await send_signed(http, router, {"items": [item(), item(id=8), item(kind="ping")]})

    assert answer == (202, {"accepted": 2, "quarantined": 0})
    first, second = [msgspec.json.decode(event.body) for event in await accepted_events(connection)]
    assert first == {
        "specversion": "1.0",
        "type": "com.crm.deal",
        "source": "crm",
        "id": "7",
        "subject": "A1",
        "time": "2025-11-24T16:00:00Z",
        "datacontenttype": "application/json",
        "data": item(),
    }
    assert second["id"] == "8"
    assert router.metric("router_events_received_total", source="crm", outcome="accepted") == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no json {", "JSON"),
        (b"[]", "split must be a list"),
        ({"items": 5}, "split must be a list: it is number"),
        (b"\xff\xfe{", "UTF-8"),
        (b"", "split must be a list"),
    ],
)
async def test_a_signed_request_that_cannot_be_cut_is_quarantined_as_a_whole(
    content: Any, reason: str, router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    assert await send_signed(http, router, content) == (202, {"accepted": 0, "quarantined": 1})
    ((found, _, body),) = await quarantined(connection)
    assert found.startswith("source crm: ")
    assert reason in found
    assert body == (content if isinstance(content, bytes) else msgspec.json.encode(content))


async def test_an_item_that_cannot_be_mapped_does_not_fail_its_neighbours(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    content = {"items": [item(), {"id": 9}, item(id=None)]}

    assert await send_signed(http, router, content) == (202, {"accepted": 1, "quarantined": 2})
    assert await quarantined(connection) == [
        ("source crm: id: it is no text", "$[2]", msgspec.json.encode(item(id=None))),
        ("source crm: type: no such field: item.kind", "$[1]", b'{"id":9}'),
    ]


async def test_too_many_items_are_refused(router: Running, http: aiohttp.ClientSession) -> None:
    status, answer = await send_signed(http, router, {"items": [item(id=n) for n in range(4)]})

    assert status == 413
    assert answer["error"]["code"] == "too_many_events"


async def test_a_request_with_a_wrong_signature_is_refused(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    status, answer = await send(
        http, f"{router.url}/in/crm", b"{}", **{"X-Signature": "sha256=" + 64 * "0"}
    )

    assert (status, answer["error"]["code"]) == (403, "wrong_signature")
    assert router.metric("router_requests_refused_total", source="crm", status="403") == 1
    assert await accepted_events(connection) == []


async def test_a_source_for_anyone_takes_json_forms_text_and_queries(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    url = f"{router.url}/in/anyone/at-all"
    form = aiohttp.FormData({"a": "1", "b": "ü"})
    form.add_field("file", b"left out", filename="x.txt")

    assert (await send(http, url, b'{"n": 1.0}'))[0] == 202
    assert (
        await send(http, url + "?q=1&q=2", b"a=1&b=%C3%BC", "application/x-www-form-urlencoded")
    )[0] == 202
    async with http.post(url, data=form) as response:
        assert response.status == 202
    assert (await send(http, url, b"plain text", "text/plain"))[0] == 202
    async with http.get(url + "?id=5") as response:
        assert response.status == 202

    stored = [
        msgspec.json.decode(event.body)["data"] for event in await accepted_events(connection)
    ]
    assert stored == [
        {"body": {"n": 1.0}, "query": {}},
        {"body": {"a": "1", "b": "ü"}, "query": {"q": ["1", "2"]}},
        {"body": {"a": "1", "b": "ü"}, "query": {}},
        {"body": "plain text", "query": {}},
        {"body": None, "query": {"id": "5"}},
    ]


async def test_the_answer_to_a_handshake_may_be_a_202_of_its_own(
    router: Running, http: aiohttp.ClientSession
) -> None:
    body = b'{"kind": "ping", "n": 5}'

    assert await send(http, f"{router.url}/in/polite", body) == (202, {"pong": 5})


async def test_a_handshake_is_answered_and_is_no_event(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    body = b'{"type": "hello", "challenge": "c4fe"}'

    assert await send(http, f"{router.url}/in/anyone/at-all", body) == (200, {"challenge": "c4fe"})
    assert await accepted_events(connection) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/in/nope", 404, "not_found"),
        ("POST", "/in/", 404, "not_found"),
        ("POST", "/in/crm/more", 404, "not_found"),
        ("DELETE", "/in/crm", 405, "method"),
        ("OPTIONS", "/in/crm", 405, "method"),
    ],
)
async def test_other_paths_and_methods_are_refused(
    method: str, path: str, status: int, code: str, router: Running, http: aiohttp.ClientSession
) -> None:
    async with http.request(method, router.url + path, data=b"{}") as response:
        answer = await response.json()

    assert (response.status, answer["error"]["code"]) == (status, code)


async def test_a_source_above_its_rate_is_refused(
    router: Running, http: aiohttp.ClientSession
) -> None:
    url = f"{router.url}/in/limited"
    statuses = [(await send(http, url, b"{}"))[0] for _ in range(3)]

    assert statuses == [202, 202, 429]


async def test_identical_requests_without_an_id_are_different_events(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    url = f"{router.url}/in/limited"
    for _ in range(2):
        await send(http, url, b'{"door": "open"}')

    first, second = await accepted_events(connection)
    assert (first.type, first.source) == ("in.limited", "/in/limited")
    assert first.id != second.id


async def test_a_source_without_its_variable_refuses_all_requests(
    redis_url: Secret, tmp_path: Path, http: aiohttp.ClientSession
) -> None:

    await asyncio.to_thread(write_rules, tmp_path, RULES)
    source = ConfigurationSource(folder=tmp_path, environ={}, missing=MissingVariable.KEEP)
    sources = SourcesConfig(source=source, configuration=source.load())
    roles = Roles(port=0, ingress=True, sources=sources)
    async with running(settings_for(redis_url), roles) as process:
        status, answer = await send_signed(http, process, {"items": []})

    assert (status, answer["error"]["code"]) == (403, "closed")


async def test_a_reload_replaces_sources(
    redis_url: Secret, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    folder, environ = tmp_path / "rules", {"CRM_SECRET": SECRET}
    async with ingress_with(redis_url, folder, RULES, environ, admin_token=TOKEN) as process:
        await asyncio.to_thread(write_rules, folder, "sources: {other: {verify: none}}")
        headers = {"Authorization": f"Bearer {TOKEN.reveal()}"}
        async with http.post(f"{process.url}/-/reload", headers=headers) as response:
            assert response.status == 200

        assert (await send(http, f"{process.url}/in/other", b"{}"))[0] == 202
        assert (await send(http, f"{process.url}/in/crm", b"{}"))[0] == 404


async def test_numbers_out_of_range_and_deep_json_are_quarantined(
    router: Running, http: aiohttp.ClientSession
) -> None:
    bodies = [b'{"items": [1e999]}', b"[" * 100_000, b'{"items": ' + b"[" * 70 + b"]" * 70 + b"}"]
    for body in bodies:
        assert await send_signed(http, router, body) == (202, {"accepted": 0, "quarantined": 1})


async def test_a_source_may_answer_accepted_events_in_its_own_way(
    router: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    async with http.post(f"{router.url}/in/polite", data=b"{}") as response:
        assert (response.status, await response.text()) == (200, "thanks")
    async with http.post(f"{router.url}/in/polite", data=b"\xff") as response:
        assert response.status == 400
    assert len(await accepted_events(connection)) == 1


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("https://evil.example.com/x", 403, "wrong_host"),
        ("https://sns.a.b.example.com/x", 403, "wrong_host"),
        ("https://[::1", 403, "wrong_host"),
        ("http://127.0.0.1:1/x", 424, "not_confirmed"),
        ("https://127.0.0.1:1/x", 424, "not_confirmed"),
    ],
)
async def test_only_a_url_of_the_named_hosts_is_visited(
    url: str, status: int, code: str, router: Running, http: aiohttp.ClientSession
) -> None:
    body = msgspec.json.encode({"kind": "confirm", "url": url})
    answer = await send(http, f"{router.url}/in/confirmed", body)

    assert (answer[0], answer[1]["error"]["code"]) == (status, code)


async def test_a_quarantined_request_is_mapped_by_the_rules_at_its_replay(
    redis_url: Secret, tmp_path: Path, http: aiohttp.ClientSession, connection: Connection
) -> None:
    """Nothing of a verified sender is lost to a mistake in a mapping."""
    folder, environ = tmp_path / "rules", {"CRM_SECRET": SECRET}
    operator = {"Authorization": f"Bearer {TOKEN.reveal()}"}
    wrong = RULES.replace("split: body.items", "split: body.itemz").replace(
        "id: item.id", 'id: item.id + headers["x-part"]'
    )
    async with ingress_with(redis_url, folder, wrong, environ, admin_token=TOKEN) as process:
        body = msgspec.json.encode({"items": [item(id="7"), item(id="8"), item(kind="ping")]})
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Signature": f"sha256={signature}", "X-Part": "a", "X-Other": "not read"}
        assert (await send(http, f"{process.url}/in/crm", body, **headers))[1]["quarantined"] == 1
        replay = f"{process.url}/api/v1/quarantine/replay"
        async with http.post(replay, json={"all": True}, headers=operator) as response:
            assert (await response.json())["replayed"] == 0

        await asyncio.to_thread(write_rules, folder, wrong.replace("itemz", "items"))
        async with http.post(f"{process.url}/-/reload", headers=operator):
            pass
        async with http.post(replay, json={"all": True}, headers=operator) as response:
            assert (await response.json())["replayed"] == 1

    assert sorted(event.id for event in await accepted_events(connection)) == ["7a", "8a"]
    assert await quarantined(connection) == []


async def test_a_quarantined_item_is_mapped_by_itself(
    redis_url: Secret, tmp_path: Path, http: aiohttp.ClientSession, connection: Connection
) -> None:
    folder, environ = tmp_path / "rules", {"CRM_SECRET": SECRET}
    operator = {"Authorization": f"Bearer {TOKEN.reveal()}"}
    async with ingress_with(redis_url, folder, RULES, environ, admin_token=TOKEN) as process:
        content = {"items": [item(id="7"), {"id": "8"}]}
        assert (await send_signed(http, process, content))[1] == {"accepted": 1, "quarantined": 1}
        right = RULES.replace("item.kind'", """item.?kind.orValue("deal")'""", 1)
        await asyncio.to_thread(write_rules, folder, right)
        async with http.post(f"{process.url}/-/reload", headers=operator):
            pass
        replay = f"{process.url}/api/v1/quarantine/replay"
        async with http.post(replay, json={"all": True}, headers=operator) as response:
            assert (await response.json())["replayed"] == 1

    assert {event.id for event in await accepted_events(connection)} == {"7", "8"}

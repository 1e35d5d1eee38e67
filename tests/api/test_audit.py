"""Each write of the API is in the audit trail, with who did it and from where."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.events import alert_of, deliveries_of, event_from
from support.keyed import put

from router.alerts import AlertKey
from router.api import openapi
from router.api.access import Access
from router.api.alert_page import AlertPages
from router.api.reload import ReloadApi
from router.api.signed_links import LinkSigner
from router.clock import Clock
from router.configuration.reload import ReloadReport
from router.datatypes import Networks, Secret
from router.events.masks import Masks
from router.events.model import Malformed, Received
from router.http.openapi import OPERATOR, VIEWER
from router.journal.audit import Audit
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.history_log import NONE_KEPT
from router.journal.keys import BatchId, SetId
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.quarantine import Quarantine
from router.journal.settlements import GivenUp
from router.journal.shown_alerts import ShownAlerts
from router.runtime import build_api
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE, ROOT = "correct-horse-alice", "correct-horse-root"
SETTINGS = Settings(
    admin_token=Tokens.parse(f"alice={ALICE},root={ROOT}"),
    viewer_token=Tokens.parse("correct-horse-viewer"),
    trusted_proxies=Networks.parse("127.0.0.1"),
)
ACCESS = Access(SETTINGS)
SIGNER = LinkSigner(Secret("0123456789abcdef"), "http://localhost", lifetime=3600.0)
KEY = "/api/v1/alerts/ak_1"
SILENCE = {"match": {"rule": "r"}, "ends": "2100-01-01T00:00:00Z", "comment": "work"}
BY = {"by": "Ann"}
WRITES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "POST /-/reload": ("POST", "/-/reload", {}, "reloaded rules . generation=g1"),
    "POST /api/v1/alerts/{key}/acknowledge": (
        *("POST", f"{KEY}/acknowledge", BY),
        "acknowledged alert ak_1 Ann rule=trunk-down",
    ),
    "POST /api/v1/alerts/{key}/unacknowledge": (
        *("POST", f"{KEY}/unacknowledge", {}),
        "unacknowledged alert ak_1 . rule=trunk-down",
    ),
    "POST /api/v1/alerts/{key}/resolve": (
        *("POST", f"{KEY}/resolve", {}),
        "resolved alert ak_1 . rule=trunk-down",
    ),
    "POST /api/v1/destinations/{name}/pause": (
        *("POST", "/api/v1/destinations/mail/pause", {"reason": "they move"}),
        "paused destination mail . reason=they move",
    ),
    "POST /api/v1/destinations/{name}/resume": (
        *("POST", "/api/v1/destinations/paused/resume", {}),
        "resumed destination paused . ",
    ),
    "POST /api/v1/destinations/{name}/retry-now": (
        *("POST", "/api/v1/destinations/mail/retry-now", {}),
        "retried destination mail . retried=0",
    ),
    "POST /api/v1/destinations/{name}/test": (
        *("POST", "/api/v1/destinations/mail/test", {}),
        "tested destination mail . outcome=waiting",
    ),
    "POST /api/v1/deliveries/discard": (
        *("POST", "/api/v1/deliveries/discard", {"destination": "slack", "rule": "rule-0"}),
        "discarded deliveries slack . deliveries=1 rule=rule-0",
    ),
    "POST /api/v1/dead-letters/replay": (
        *("POST", "/api/v1/dead-letters/replay", {"destination": "mail", "reason": "404", "limit": 1}),
        "replayed dead_letters mail . records=1 reason=404",
    ),
    "POST /api/v1/dead-letters/discard": (
        *("POST", "/api/v1/dead-letters/discard", {"destination": "mail", "all": True}),
        "discarded dead_letters mail . records=5",
    ),
    "POST /api/v1/quarantine/replay": (
        *("POST", "/api/v1/quarantine/replay", {"all": True}),
        "",  # an event that is still invalid stays
    ),
    "POST /api/v1/quarantine/discard": (
        *("POST", "/api/v1/quarantine/discard", {"all": True}),
        "discarded quarantine . records=1",
    ),
    "POST /api/v1/silences": (
        *("POST", "/api/v1/silences", SILENCE),
        'silenced silence id . match={"rule":"r"} ends=2100-01-01T00:00:00Z comment=work',
    ),
    "DELETE /api/v1/silences/{id}": (
        *("DELETE", "/api/v1/silences/SILENCE", {}),
        "expired silence id . ",
    ),
}  # fmt: skip
"""Each write: the request, and its entry."""
ELSEWHERE = {"POST /api/v1/events/replay"}
"""Writes whose entry is tested beside them: they need what this API has not, such as a history."""
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def ask(connection: Connection, clock: Clock, sample: bytes) -> AsyncIterator[Ask]:
    """Ask an API behind a proxy; there are an alert, five dead letters and a quarantined event."""
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [Malformed("no id", "$[0].id", 1.0, b"{}")])])
    deliveries = deliveries_of(event, 5)
    waiting = deliveries_of(event, 1, "slack")
    verdict = FinishedWork(matched=1, deliveries=(*deliveries, *waiting))
    await batches.finish(BatchId("id0001"), verdict)
    await Deliveries(connection, clock).settle(
        [GivenUp(SetId("id0003"), delivery, "HTTP 404") for delivery in deliveries]
    )
    await put(connection, sample, "ak_1")
    await Pauses(connection).pause("paused", Pause(kind=PauseKind.PAUSED, at=1.0))

    async def reload() -> ReloadReport:
        return ReloadReport(generation="g1", rules=1, destinations=1, loaded_at=1.0)

    shown = ShownAlerts(connection, clock, lasts=3600.0)
    application = web.Application()
    application.add_routes(
        [
            *ReloadApi(reload, ACCESS, Audit(connection, clock)).routes(),
            *build_api.build_operator_routes(
                connection,
                lambda: ("mail",),
                clock,
                ACCESS,
                Masks(()),
                Quarantine(connection, clock),
            ),
            *build_api.build_discard_routes(
                connection, lambda: ("mail",), clock, ACCESS, NONE_KEPT
            ),
            *build_api.build_silence_routes(connection, clock, ACCESS, None),
            *AlertPages(SIGNER, connection, shown, clock, ACCESS).routes(),
        ]
    )
    async with TestClient(TestServer(application)) as client:

        async def ask(method: str, path: str, token: str = ALICE, **more: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.9"}
            async with client.request(method, path, headers=headers, **more) as response:
                is_json = response.content_type == "application/json"
                return response.status, await (response.json() if is_json else response.text())

        yield ask


async def trail(ask: Ask, query: str = "") -> list[dict[str, Any]]:
    status, answer = await ask("GET", f"/api/v1/audit?{query}", "correct-horse-viewer")
    assert status == 200, answer
    entries: list[dict[str, Any]] = answer["entries"]
    return entries


def text_of(entry: dict[str, Any]) -> str:
    assert (entry["by"], entry["via"], entry["address"]) == ("alice", "api", "203.0.113.9")
    details = " ".join(f"{name}={value}" for name, value in entry["details"].items())
    what = "id" if entry["kind"] == "silence" else entry["object"]
    words = (entry["action"], entry["kind"], what, entry["named"] or ".")
    return f"{' '.join(filter(None, words))} {details}"


def test_each_write_of_the_api_is_known_here() -> None:
    """A write that is not audited fails here first."""
    writes = {
        f"{one.method} {one.path}"
        for one in openapi.OPERATIONS
        if OPERATOR in one.security and VIEWER not in one.security
    }

    assert writes - ELSEWHERE == set(WRITES)
    assert writes >= ELSEWHERE


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_is_in_the_audit_trail(ask: Ask, write: str) -> None:
    method, path, body, entry = WRITES[write]
    if "SILENCE" in path:
        _, added = await ask("POST", "/api/v1/silences", json=SILENCE)
        path = path.replace("SILENCE", added["id"])
    if write.endswith("unacknowledge"):
        await ask("POST", f"{KEY}/acknowledge")

    status, answer = await ask(method, path, json=body)

    assert status in {200, 201, 202}, answer
    found = await trail(ask, "limit=1")
    assert [text_of(each) for each in found] == ([entry] if entry else [])


@pytest.mark.parametrize("path", [KEY + "/unacknowledge", "/api/v1/destinations/mail/resume"])
async def test_what_was_not_done_is_not_in_it(ask: Ask, path: str) -> None:
    await ask("POST", path)
    assert await trail(ask) == []


async def test_a_token_without_a_name_must_name_someone(
    connection: Connection, clock: Clock
) -> None:
    access = Access(Settings(admin_token=Tokens.parse("x")))
    application = web.Application()
    application.add_routes(build_api.build_silence_routes(connection, clock, access, None))
    async with TestClient(TestServer(application), headers={"Authorization": "bearer x"}) as client:
        async with client.post("/api/v1/silences", json=SILENCE) as response:
            error = (await response.json())["error"]
        async with client.post("/api/v1/silences", json={**SILENCE, "author": "Bo"}) as response:
            assert (await response.json())["author"] == "Bo"

    assert (error["code"], error["path"]) == ("not_a_silence", "$.author")


async def test_a_link_is_in_it_with_the_name_that_was_given(ask: Ask, sample: bytes) -> None:
    alert = alert_of(event_from(sample), rule="trunk-down")
    link = SIGNER.links(msgspec.structs.replace(alert, key=AlertKey("ak_1"))).silence
    path = re.sub(r"^https?://[^/]+", "", link)

    for action in ("acknowledge", "unacknowledge", "unacknowledge", "silence-1h"):
        await ask("POST", path, data={"do": action, "name": "Ann"})

    found = [
        (each["action"], each["kind"], each["object"], each["by"], each["named"], each["via"])
        for each in await trail(ask)
    ]
    alert_by_link = ("alert", "ak_1", "", "Ann", "link")
    assert found == [(each, *alert_by_link) for each in ("unacknowledged", "acknowledged")]
    assert {each["address"] for each in await trail(ask)} == {"203.0.113.9"}


async def test_it_is_read_by_name_action_and_time_in_pages(ask: Ask) -> None:
    await ask("POST", "/api/v1/destinations/paused/resume", ROOT)
    await ask("POST", f"{KEY}/acknowledge", ROOT, json=BY)
    await ask("POST", f"{KEY}/unacknowledge")

    async def actions(query: str) -> list[str]:
        return [each["action"] for each in await trail(ask, query)]

    assert await actions("") == ["unacknowledged", "acknowledged", "resumed"]
    assert await actions("name=root") == ["acknowledged", "resumed"]
    assert await actions("name=ann") == ["acknowledged"]
    assert await actions("action=resumed&newer_than=1h") == ["resumed"]
    assert await actions("older_than=1h") == []
    _, page = await ask("GET", "/api/v1/audit?limit=2")
    assert await actions(f"limit=2&after={page['after']}") == ["resumed"]
    for query, path in (("after=x", "after: 'x' is not a cursor"), ("action=x", "action: ")):
        status, answer = await ask("GET", f"/api/v1/audit?{query}")
        assert (status, answer["error"]["message"].startswith(path)) == (400, True)

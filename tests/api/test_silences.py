"""``/api/v1/silences``; errors have the JSON path of the fault."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.keyed import put

from router.alerts import Severity
from router.api.access import Access
from router.api.silences import BODY_LIMIT, SilencesApi
from router.clock import Clock
from router.datatypes import Secret
from router.journal.audit import Audit
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.silences import Silences
from router.rules.labels import Naming
from router.rules.model import Mode, Rule
from router.settings.model import Settings
from router.settings.tokens import Tokens

PATH = "/api/v1/silences"
HEADERS = {"Authorization": "Bearer token"}
SILENCE = {
    "match": {"rule": "one"},
    "ends": "2023-11-15T00:00:00Z",
    "author": "ann",
    "comment": "work",
}
RULES = {
    name: Rule(
        name=name,
        description="",
        events=("e",),
        condition=None,
        severity=severity,
        send_to=("noc",),
        summary="",
        mode=Mode.LIVE,
        naming=Naming(labels={"limit": "5"}),
    )
    for name, severity in (("one", Severity.WARNING), ("two", Severity.CRITICAL))
}


@pytest.fixture
async def client(
    connection: Connection, clock: Clock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    access = Access(Settings(admin_token=Tokens.of(Secret("token"))))
    api = SilencesApi(
        *(Silences(connection, clock), access, Audit(connection, clock), clock.now),
        *(KeyedAlerts(connection), lambda: RULES),
    )
    application = web.Application()
    application.add_routes(api.routes())
    async with TestClient(TestServer(application), headers=HEADERS) as client:
        yield client


async def test_a_silence_is_made_shown_and_ended(client: Any, time: SetClock) -> None:
    async with client.post(PATH, json=SILENCE) as response:
        added = await response.json()
        assert response.status == 201
    assert (added["state"], added["starts_at"]) == ("active", time.now)
    time.now += 5
    async with client.delete(f"{PATH}/{added['id']}") as response:
        ended = await response.json()
        assert response.status == 200
    async with client.get(PATH) as response:
        listed = await response.json()

    assert listed == {"silences": [ended]}
    unknown = {"matching_rules": None, "open_alerts": None}
    assert ended == {**added, "state": "ended", "ends_at": time.now, **unknown}


async def test_a_dry_run_says_what_would_match_and_adds_nothing(client: Any) -> None:
    async with client.post(f"{PATH}?dry_run=true", json=SILENCE) as response:
        tried = await response.json()
        assert response.status == 200
    async with client.post(f"{PATH}?dry=true", json=SILENCE) as response:
        assert response.status == 400
    async with client.get(PATH) as response:
        assert (await response.json())["silences"] == []

    assert (tried["id"], tried["matching_rules"], tried["open_alerts"]) == ("", 1, 0)


async def test_a_silence_without_an_end_lasts_until_its_alerts_are_resolved(
    client: Any, time: SetClock
) -> None:
    body = {name: value for name, value in SILENCE.items() if name != "ends"}
    async with client.post(PATH, json={**body, "until_resolved": True}) as response:
        added = await response.json()

    assert (added["until_resolved"], added["when_over"]) == (True, "tell")
    assert added["ends_at"] == time.now + 30 * 86_400


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"match": None}, "$.match", "match or when is needed"),
        ({"ends": "tomorrow"}, "$.ends", "expected a time with its zone"),
        ({"ends": 5}, "$.ends", "Expected `str`"),
        ({"ends": ""}, "$.ends", "ends is needed, or until_resolved: true"),
        ({"when_over": "later"}, "$.when_over", "Invalid enum value"),
        ({"author": " "}, "$.author", "author is empty"),
        ({"remark": "x"}, "$", "unknown field `remark`"),
        ({"match": {"rul": "x"}}, "$.match", 'did you mean "rule"'),
        ({"when": "severty == 1"}, "$.when", 'did you mean "severity"'),
        ({"starts": "2024-01-01T00:00:00Z"}, "$.ends", "ends is not after starts"),
        ({"ends": "2020-01-01T00:00:00Z"}, "$.ends", "which is past"),
        ({"match": {"rule": "tow"}}, "$.match", 'no rule "tow" (did you mean "two"?)'),
        ({"match": {"severity": 3}}, "$.match", 'no severity "3"'),
        ({"match": {"labels.no_such": "x"}}, "$.match", 'no rule has the label "no_such"'),
        ({"match": {"rule": {"matches": ""}}}, "$.match", "this silences every alert"),
        ({"match": None, "when": "true"}, "$.when", "this silences every alert"),
        ({"match": {"rule": "one", "severity": "info"}}, "$.match", "no alert of any rule"),
    ],
)
async def test_an_invalid_silence_is_rejected_with_its_path(
    client: Any, change: dict[str, Any], path: str, message: str
) -> None:
    async with client.post(PATH, json={**SILENCE, **change}) as response:
        answer = await response.json()

    assert response.status == 400
    assert answer["error"]["path"] == path
    assert message in answer["error"]["message"]


async def test_the_answer_says_how_many_rules_and_open_alerts_match(
    client: Any, connection: Connection, sample: bytes
) -> None:
    """Case R13."""
    for number, limit in enumerate(["5", "5", "6"]):
        await put(connection, sample, f"ak_{number}", {"labels": {"limit": limit}})
    match = {"labels.limit": 5, "severity": ["warning", "critical"]}
    async with client.post(PATH, json={**SILENCE, "match": match}) as response:
        added = await response.json()

    assert (response.status, added["matching_rules"]) == (201, 2)
    assert (added["open_alerts"], added["open_alerts_complete"]) == (2, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"[" * 50_000, 400), (b"x" * (BODY_LIMIT + 1), 413)],
)
async def test_a_body_that_is_not_a_silence_is_rejected(
    client: Any, body: bytes, status: int
) -> None:
    async with client.post(PATH, data=body) as response:
        assert response.status == status
        msgspec.json.decode(await response.read())


async def test_ending_an_unknown_silence_is_404(client: Any) -> None:
    async with client.delete(f"{PATH}/none") as response:
        assert response.status == 404


async def test_operators_only(client: Any) -> None:
    for method in ("get", "post", "delete"):
        path = f"{PATH}/x" if method == "delete" else PATH
        async with client.request(method, path, headers={"Authorization": "Bearer no"}) as response:
            assert response.status == 403

"""``/api/v1/rules``: the active rules with what each has done lately."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.rules_folder import RulesFolder, capture

from router.api.access import Access
from router.clock import Clock
from router.configuration.load import load
from router.datatypes import Secret
from router.events.masks import NO_MASKS
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.series import Additions, Series
from router.runtime.build_api import build_rule_routes
from router.settings.model import Settings
from router.settings.tokens import Tokens

PATH = "/api/v1/rules"
HEADERS = {"Authorization": "Bearer token"}
ACCESS = Access(Settings(viewer_token=Tokens.of(Secret("token"))))
QUALITY = """\
name: quality
description: Bad calls
events: [com.twilio.voice.insights.*]
when: |
  data.mos < 3.0
severity: "{{ data.grade }}"
send_to: [oncall]
escalate:
  after: 5m
  send_to: [boss]
"""
RULES = f"""\
defaults: {{labels: {{team: voice}}}}
rules:
  - {QUALITY.strip().replace(chr(10), chr(10) + "    ")}
  # another one
  - {{name: trial, events: ["*"], severity: info, mode: shadow, send_to: [oncall]}}
"""


@pytest.fixture
async def client(
    connection: Connection, clock: Clock, tmp_path: Path
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("oncall", "boss"), all=RULES)
    rules = load(folder.path, {}).rules.by_name
    application = web.Application()
    application.add_routes(
        build_rule_routes(connection, clock, ACCESS, NO_MASKS, lambda: rules, None)
    )
    async with TestClient(TestServer(application), headers=HEADERS) as client:
        yield client


async def answer(client: Any, path: str) -> tuple[int, Any]:
    async with client.get(PATH + path) as response:
        return response.status, await response.json()


@pytest.fixture
async def counted(connection: Connection, clock: Clock, time: SetClock) -> None:
    """Three matches of quality an hour ago, 20 five minutes ago, and shadow results of trial."""
    series = Series(connection, clock)
    await series.add("one", [Additions(1, {"rule_matches/quality": 3})])
    time.now += 3600
    counts = {
        "rule_matches/quality": 20,
        "rule_errors/quality": 10,
        "alerts_notified/quality": 4,
        "alerts_suppressed/quality/*": 2,
        "alerts_suppressed/quality/muted": 2,
        "alerts_suppressed/trial/*": 7,
        "alerts_suppressed/trial/shadow": 7,
    }
    await series.add("one", [Additions(2, counts)])
    for reason in ("muted", "shadow"):
        await connection.redis.hset(keys.LEDGER, ledger.suppressed_alert(reason), 9)
    time.now += 300


@pytest.mark.usefixtures("counted")
async def test_each_rule_is_listed_with_what_it_has_done(client: Any, tmp_path: Path) -> None:
    status, page = await answer(client, "")
    assert (status, page["total"], page["after"]) == (200, 2, "")
    quality, trial = page["rules"]
    assert quality == {
        "name": "quality",
        "description": "Bad calls",
        "mode": "live",
        "severity": "data.grade",
        "severities": ["critical", "info", "warning"],
        "events": ["com.twilio.voice.insights.*"],
        "condition": "data.mos < 3.0\n",
        "destinations": ["oncall", "boss"],
        "features": ["escalate"],
        "file": str(tmp_path / "rules/all.yaml"),
        "line": 3,
        "matches_per_minute": 2.0,
        "errors_per_minute": 1.0,
        "matches": [0] * 55 + [20, 0, 0, 0, 0],
        "errors_last_hour": 10,
        "notified_last_hour": 4,
        "suppressed_last_hour": 2,
        "last_match_at": "2023-11-14T23:13:20.000Z",
        "last_alert_at": "2023-11-14T23:13:20.000Z",
    }
    assert (trial["mode"], trial["suppressed_last_hour"], trial["last_alert_at"]) == (
        "shadow",
        7,
        None,
    )


@pytest.mark.usefixtures("counted")
async def test_one_rule_is_shown_with_its_text_and_its_last_day(client: Any) -> None:
    _, quality = await answer(client, "/quality")
    assert quality["text"] == QUALITY.strip()
    assert quality["hours"] == {
        "matches": [0] * 23 + [3, 20],
        "errors": [0] * 24 + [10],
        "notified": [0] * 24 + [4],
        "suppressed": {"muted": [0] * 24 + [2]},
    }
    _, trial = await answer(client, "/trial")
    assert trial["hours"]["suppressed"] == {"shadow": [0] * 24 + [7]}
    status, unknown = await answer(client, "/trail")
    assert status == 404
    assert unknown["error"]["message"] == "there is no rule 'trail', did you mean \"trial\"?"


@pytest.mark.parametrize(
    ("query", "names", "after"),
    [
        ("?limit=1", ["quality"], "quality"),
        ("?limit=1&after=quality", ["trial"], ""),
        ("?text=MOS", ["quality"], ""),
        ("?mode=shadow", ["trial"], ""),
        ("?destination=boss", ["quality"], ""),
        ("?destination=nope", [], ""),
    ],
)
async def test_rules_are_filtered_and_listed_in_pages(
    client: Any, query: str, names: list[str], after: str
) -> None:
    _, page = await answer(client, query)

    assert ([each["name"] for each in page["rules"]], page["after"]) == (names, after)


async def test_a_process_without_rules_says_so(connection: Connection, clock: Clock) -> None:
    application = web.Application()
    application.add_routes(build_rule_routes(connection, clock, ACCESS, NO_MASKS, None, None))
    async with TestClient(TestServer(application), headers=HEADERS) as client:
        assert await answer(client, "") == (200, {"rules": None, "total": 0, "after": ""})
        status, shown = await answer(client, "/quality")

    assert (status, shown["error"]["code"]) == (404, "no_rules")

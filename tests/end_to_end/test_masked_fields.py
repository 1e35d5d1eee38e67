"""No page of the console and no response of the API shows the value of a masked field."""

import html
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from support.console_router import EVENTS, OPERATOR, event, until_recorded, watched_router
from support.console_visit import visiting
from support.running import Running, post_batch
from support.waiting import until

from router.datatypes import Secret
from router.field_paths import FieldPaths
from router.journal import keys
from router.journal.connection import Connection

CANARY = "c4nary"
API = "/api/v1"
_PAGES = 60
_WHOLE = ("/console/static/", "/console/inbox")
"""Messages are not masked, and the inbox has them as their readers get them."""


async def test_no_reader_sees_a_masked_field(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    """One event was recorded before the setting; one raises an alert, and a dead letter of it."""
    masked = FieldPaths.parse("data.caller, subject")
    data = {"issues": 9, "region": "us1", "name": "room", "caller": CANARY}
    body = event(9, data).replace(b'"CF9"', f'"{CANARY}"'.encode())
    unmatched = event(10, {"caller": [{"number": CANARY}]}, "com.example.other")
    near_miss = event(11, {**data, "issues": 2}).replace(b'"CF11"', f'"{CANARY}"'.encode())
    async with watched_router(redis_url, connection, tmp_path) as router:
        await post_batch(router, [near_miss])
        await until_recorded(connection, len(EVENTS) + 2)
    async with watched_router(redis_url, connection, tmp_path, masked_fields=masked) as router:
        await post_batch(router, [body, unmatched])
        await until_recorded(connection, 2 * len(EVENTS) + 5)
        await until(lambda: connection.redis.hlen(keys.dead_letters("chat")))

        shown = [*await _responses(router), *await _pages(router)]

    assert len(shown) > 20
    assert [path for path, text in shown if CANARY in text] == []


async def _responses(router: Running) -> list[tuple[str, str]]:
    """Return what the API shows: each list, and each thing in it."""
    found: list[tuple[str, str]] = []
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get(path: str) -> dict[str, Any]:
            async with session.get(f"{router.url}{API}{path}") as response:
                text = await response.text()
            assert response.status == 200, (path, text)
            found.append((path, text))
            decoded: dict[str, Any] = msgspec.json.decode(text)
            return decoded

        for each in (await get("/events"))["events"]:
            await get(f"/events/{each['reference']}")
        for each in (await get("/deliveries"))["deliveries"]:
            await get(f"/deliveries/{each['id']}")
        for each in (await get("/alerts"))["alerts"]:
            await get(f"/alerts/{each['key']}")
            await get(f"/alerts/{each['key']}/messages")
        for each in (await get("/dead-letters?destination=chat"))["dead_letters"]:
            await get(f"/dead-letters/chat/{each['id']}")
        await get("/rules/call-quality/events")
    return found


async def _pages(router: Running) -> list[tuple[str, str]]:
    """Return the pages of the console that its links lead to."""
    found: dict[str, str] = {}
    waiting = ["/console"]
    async with visiting(router.url, OPERATOR) as visit:
        while waiting and len(found) < _PAGES:
            path = waiting.pop(0)
            if path in found:
                continue
            page = await visit.get(path)
            found[path] = page.body
            links = map(html.unescape, re.findall(r'href="(/console[^"#]*)"', page.body))
            waiting += [link for link in links if not link.startswith(_WHOLE)]
    return list(found.items())

"""Requests of sources by GET: the query has the fields of the event, and the signature covers them."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
from support.running import Running
from support.sources import accepted_events, ingress_with
from twilio.request_validator import RequestValidator

from router.datatypes import Secret
from router.journal.connection import Connection

TOKEN = "auth-token-of-the-account"
CALL = "CA42ed11f93dc08b952027ffbc406d0868"
FIELDS = {
    "CallSid": CALL,
    "AccountSid": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "CallStatus": "completed",
    "SequenceNumber": "3",
}
RULES = "sources: {calls: {preset: twilio-status, verify: {secret: '${TOKEN}'}}}"


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    async with ingress_with(redis_url, tmp_path / "rules", RULES, {"TOKEN": TOKEN}) as process:
        yield process


async def get(url: str, signed_url: str) -> int:
    signature = RequestValidator(TOKEN).compute_signature(signed_url, {})
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.get(url, headers={"X-Twilio-Signature": signature}) as response,
    ):
        return response.status


async def test_a_status_callback_by_get_becomes_the_event_of_one_by_post(
    router: Running, connection: Connection
) -> None:
    url = f"{router.url}/in/calls?{urlencode(FIELDS)}"

    assert await get(url, url) == 202
    (event,) = [msgspec.json.decode(each.body) for each in await accepted_events(connection)]
    assert event["type"] == "com.twilio.voice.call-status-callback.completed"
    assert event["id"] == f"{CALL}/3"
    assert event["data"] == FIELDS


async def test_a_status_callback_by_get_with_another_query_is_refused(
    router: Running, connection: Connection
) -> None:
    url = f"{router.url}/in/calls?{urlencode(FIELDS)}"

    assert await get(url.replace("completed", "failed"), url) == 403
    assert await accepted_events(connection) == []

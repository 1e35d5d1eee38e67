"""Each sender's published request, through the ingress with its preset, as signed requests of a stranger."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest
from support.running import Running
from support.sender_samples import (
    FOLDER,
    SAMPLES,
    SenderSample,
    query_of,
    secrets_of,
    signed,
)
from support.signed_requests import PLANTED
from support.sources import accepted_events, ingress_with, quarantined

from router.configuration.readers.sources import preset_parts
from router.datatypes import Secret, Texts
from router.journal.connection import Connection

POSTED: Final = [
    sample for sample in SAMPLES if sample.id != "cloudwatch-sns/subscription-confirmation"
]
"""All but the one for which the router would call Amazon."""
BY_TOKEN: Final = {"generic", "cloudwatch-sns"}
"""Presets whose sources have a token: there is no certificate of Amazon on loopback."""
BEARER: Final = {"Authorization": f"Bearer {PLANTED}"}


def sources() -> str:
    """Return a source for each preset."""
    found: dict[str, Any] = {}
    for preset in sorted({sample.preset for sample in POSTED}):
        is_by_token = preset in BY_TOKEN
        verify = (
            {"bearer": {"token": PLANTED}} if is_by_token else {"secret": secrets_of(preset)[0]}
        )
        found[preset] = {"preset": preset, "verify": verify}
    return msgspec.json.encode({"sources": found}).decode()  # JSON is YAML


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    async with ingress_with(
        redis_url, tmp_path / "rules", sources(), webhook_origins=Texts(("eventgrid.azure.net",))
    ) as process:
        yield process


def expected(sample: SenderSample) -> list[Any]:
    found: list[Any] = msgspec.json.decode(
        (FOLDER / sample.preset / f"{sample.name}.json").read_bytes()
    )
    return found


async def post(url: str, sample: SenderSample) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=sample.body, headers=sample.headers) as response,
    ):
        text = await response.text()
        is_json = response.content_type == "application/json"
        return response.status, msgspec.json.decode(text) if is_json else text


async def post_signed(router: Running, sample: SenderSample) -> tuple[int, Any]:
    url = f"{router.url}{sample.path}"
    sent = signed(sample, url)
    if sample.preset in BY_TOKEN:
        sent = msgspec.structs.replace(sample, headers={**sample.headers, **BEARER})
    return await post(f"{url}?{query_of(sample)}" if query_of(sample) else url, sent)


def accepted_answer(sample: SenderSample, events: int) -> tuple[int, Any]:
    """Return the response to a request whose events are durable."""
    own = preset_parts(sample.preset).text.accepted
    return (202, {"accepted": events, "quarantined": 0}) if own is None else (own.status, own.text)


async def test_each_sender_s_request_becomes_its_events(
    router: Running, connection: Connection
) -> None:
    answers = {each.id: await post_signed(router, each) for each in POSTED}

    for sample in POSTED:
        events = expected(sample)
        is_reply = bool(events) and "reply" in events[0]
        answer = (200, events[0]["content"]) if is_reply else accepted_answer(sample, len(events))
        assert (sample.id, answers[sample.id]) == (sample.id, answer)
    wanted = {
        (event["type"], event["subject"])
        for sample in POSTED
        for event in expected(sample)
        if event.get("subject") and sample.id != "prometheus/firing"  # it has ended since
    }
    accepted = [msgspec.json.decode(event.body) for event in await accepted_events(connection)]
    assert wanted <= {(event["type"], event.get("subject")) for event in accepted}
    assert await quarantined(connection) == []


async def test_no_sender_s_request_passes_without_its_signature(router: Running) -> None:
    for sample in POSTED:
        bare = {name: each for name, each in sample.headers.items() if "Signature" not in name}
        unsigned = msgspec.structs.replace(sample, headers=bare)
        status, _ = await post(f"{router.url}{sample.path}", unsigned)
        assert (sample.id, status) == (sample.id, 401)


async def test_event_grid_is_permitted_to_send_cloudevents(router: Running) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with (
        aiohttp.ClientSession() as session,
        session.options(f"{router.url}/in/azure-event-grid", headers=headers) as response,
    ):
        assert response.status == 200
        assert response.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"

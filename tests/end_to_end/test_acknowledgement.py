"""An alert is acknowledged on its page, and the channels that got it are told."""

import asyncio
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest
from support.running import Running, running, settings_for, worker_of
from support.sinks import HttpSink, Received
from support.slack import Slack

from router.api.signed_links import link_signer
from router.datatypes import Secret
from router.runtime.roles import Roles

RULES = """
    destinations:
      chat:
        slack: {{token: xoxb-1, channel: C042, api_url: "{slack}/api/", rate: null}}
      tickets:
        http: {{url: "{tickets}", acknowledgements: true}}
      quiet:
        http: {{url: "{tickets}/quiet"}}
    rules:
      - name: door
        events: [door.opened]
        severity: warning
        summary: "Door {{{{ data.door }}}} is open"
        cooldown: {{for: 1s, by: [data.door]}}
        send_to: [chat, tickets, quiet]
"""


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as slack:
        yield slack


@pytest.fixture
async def tickets() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


@pytest.fixture
async def router(
    redis_url: Secret, slack: Slack, tickets: HttpSink, tmp_path: Path
) -> AsyncIterator[Running]:
    rules = RULES.format(slack=slack.url.removesuffix("/hook"), tickets=tickets.url)
    (tmp_path / "rules.yaml").write_text(textwrap.dedent(rules))
    settings = settings_for(
        redis_url, link_secret=Secret("0123456789abcdef"), public_url="https://router.example.com"
    )
    work = worker_of(tmp_path, settings)
    signer = link_signer(settings)
    assert signer is not None
    environment = msgspec.structs.replace(work.environment, links=signer.links)
    work = msgspec.structs.replace(work, environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


def alert_in(request: Received) -> dict[str, Any]:
    alert: dict[str, Any] = request.json()["alert"]
    return alert


async def test_the_channels_that_got_the_alert_are_told(
    router: Running, slack: Slack, tickets: HttpSink
) -> None:
    """Case O20: and no other one; the page says who acknowledged it."""
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "door.opened"}
    event |= {"data": {"door": "<b>7</b>"}}
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/cloudevents+json"}
        async with session.post(f"{router.url}/events", json=event, headers=headers) as response:
            assert response.status == 202
        firing = await tickets.receive(2)
        await slack.receive(1)
        links = alert_in(firing[0])["links"]
        page = router.url + urlsplit(links["acknowledge"]).path
        shown = await shows(session, page, "Firing since")
        assert "Door &lt;b&gt;7&lt;/b&gt; is open" in shown
        for _ in range(2):
            form = {"do": "acknowledge", "name": "Ann"}
            async with session.post(page, data=form) as response:
                assert "Acknowledged by Ann at" in await response.text()
        told = (await tickets.receive(3))[2:]
        await slack.receive(3)
        async with session.get(router.url + urlsplit(links["show"]).path) as response:
            assert "Acknowledged by Ann at" in await response.text()

    assert [alert_in(each)["status"] for each in told] == ["acknowledged"]
    assert alert_in(told[0])["acknowledged_by"] == "Ann"
    assert {urlsplit(each.path).path for each in firing} == {"/hook", "/hook/quiet"}
    assert told[0].path == "/hook"
    first, reply = slack.posts
    assert reply["thread_ts"] in slack.standing
    assert "Acknowledged by Ann." in str(reply)
    assert "Acknowledged by Ann." in str(slack.updates)
    assert "Acknowledged" not in str(first).replace("acknowledge", "").replace("Acknowledge'", "")


async def shows(session: aiohttp.ClientSession, page: str, text: str) -> str:
    """Return the page once it shows a text; a worker records it after the message is delivered."""
    async with asyncio.timeout(60):
        while True:
            async with session.get(page) as response:
                content = await response.text()
            if text in content:
                return content
            await asyncio.sleep(0.01)

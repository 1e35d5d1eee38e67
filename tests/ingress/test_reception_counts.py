"""What comes of a request is counted for its source, and a refusal is kept with its reason."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.events import event_from
from support.running import Running, running, settings_for

from router.clock import Clock
from router.datatypes import Networks, Secret
from router.journal.connection import Connection
from router.journal.source_log import SourceLog
from router.runtime.roles import Roles

TOKEN = Secret("twilio-auth-token-of-the-test")
EVENTS_TOKEN = Secret("events-token-of-the-test")
EVENT = {"Content-Type": "application/cloudevents+json"}
ROLES = Roles(port=0, ingress=True)


@pytest.fixture
def log(connection: Connection, clock: Clock) -> SourceLog:
    return SourceLog(connection, clock)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def posted(router: Running, http: aiohttp.ClientSession, path: str, **more: object) -> int:
    async with http.post(f"{router.url}{path}", **more) as response:  # type: ignore[arg-type]
        return response.status


async def test_requests_of_both_paths_are_counted_until_the_process_has_drained(
    redis_url: Secret, http: aiohttp.ClientSession, log: SourceLog, sample: bytes
) -> None:
    """Mutants: no flush at the end; a client of a proxy's address."""
    settings = settings_for(
        redis_url,
        events_token=EVENTS_TOKEN,
        twilio_auth_tokens=(TOKEN,),
        trusted_proxies=Networks.parse("127.0.0.0/8"),
    )
    body = event_from(sample, id="1").body
    bearer = {**EVENT, "Authorization": f"Bearer {EVENTS_TOKEN.reveal()}"}
    forged = {
        "Content-Type": "application/json",
        "X-Twilio-Signature": "Zm9yZ2Vk",
        "X-Forwarded-For": "192.0.2.7",
    }
    async with running(settings, ROLES) as router:
        assert await posted(router, http, "/events", data=body, headers=bearer) == 202
        assert await posted(router, http, "/events?access_token=hunter2", data=body) == 403
        assert (
            await posted(
                router, http, "/twilio?bodySHA256=ab&key=hunter2", data=b"[]", headers=forged
            )
            == 403
        )
        url = router.url

    counts = await log.counts(["events", "twilio"])
    assert (counts["events"].accepted, counts["events"].refused) == (1, 1)
    assert (counts["twilio"].accepted, counts["twilio"].refused) == (0, 1)
    refusals = await log.refusals(["events", "twilio"])
    assert "hunter2" not in str(refusals)
    assert "Zm9yZ2Vk" not in str(refusals)
    (of_events,) = refusals["events"]
    assert (of_events.code, of_events.path, of_events.method) == ("wrong_token", "/events", "POST")
    (of_twilio,) = refusals["twilio"]
    assert (of_twilio.status, of_twilio.code) == (403, "wrong_signature")
    assert of_twilio.client == "192.0.2.7"
    assert f"{url}/twilio?bodySHA256=ab&key=…" in of_twilio.hint
    assert "ROUTER_PUBLIC_URL" in of_twilio.hint

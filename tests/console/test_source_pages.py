"""Sources: what came of their requests, why some were refused, and what to do while none has come."""

from pathlib import Path

import aiohttp
from support.console_router import OPERATOR, RULES, VIEWER, watched_router
from support.console_visit import visiting
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.series import Additions, Series
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog


async def test_a_refused_request_is_shown_with_its_reason_and_hint(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    """From the request to the page of a viewer, by the process that refused it."""
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as viewer,
        aiohttp.ClientSession() as session,
    ):
        unsigned = f"{router.url}/twilio?bodySHA256=ab&key=hunter2"
        async with session.post(unsigned, json=[]) as response:
            assert response.status == 401

        async def is_shown() -> bool:
            return "X-Twilio-Signature" in (await viewer.get("/console/sources/twilio")).text

        await until(is_shown)
        page = await viewer.get("/console/sources/twilio")
        assert "router send EVENT.json --sign" in page.text
        assert "127.0.0.1" in page.text
        assert "POST /twilio" in page.text
        assert "hunter2" not in page.body
        # It has no token, and says so.
        assert "ROUTER_TWILIO_AUTH_TOKENS is not set" in page.text
        listed = await viewer.get("/console/sources")
        assert "closed" in listed.text
        assert 'href="/console/sources/events"' in listed.body
        assert "/console/sources/unknown" not in listed.body
        assert (await viewer.get("/console/sources/nothing")).status == 404


async def test_a_wrong_secret_of_a_source_is_said_on_its_page(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    sources = 'sources: {github: {preset: github, verify: {secret: "secret-of-the-test"}}}'
    async with (
        watched_router(redis_url, connection, tmp_path, rules=f"{RULES}{sources}") as router,
        visiting(router.url, VIEWER) as viewer,
        aiohttp.ClientSession() as session,
    ):
        signature = {"X-Hub-Signature-256": f"sha256={'0' * 64}"}
        async with session.post(f"{router.url}/in/github", json={}, headers=signature) as response:
            assert response.status == 403

        async def is_shown() -> bool:
            return "refusing" in (await viewer.get("/console/sources/github")).text

        await until(is_shown)
        page = await viewer.get("/console/sources/github")

    assert "the signature in X-Hub-Signature-256 does not match" in page.text
    assert "secret-of-the-test" not in page.body
    assert 'headers["x-github-event"]' in page.text
    assert 'href="https://docs.github.com' in page.body


async def test_much_that_is_refused_is_said_on_each_page(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as operator,
    ):
        clock = system_clock()
        log = SourceLog(connection, clock)
        refusal = RefusedRequest(
            at=clock.now(), status=403, code="wrong_token", reason="it is wrong"
        )
        addition = SourceAddition(
            source="events", number=1, refused=90, refused_at=clock.now(), refusals=(refusal,)
        )
        await log.add("other", [addition])
        counts = {"requests_refused/events/*": 90, "requests_refused/events/403": 90}

        async def is_said() -> bool:
            return "requests to events are refused" in (await operator.get("/console/rules")).text

        await Series(connection, clock).add("other", [Additions(1, counts)])
        await until(is_said)

        page = await operator.get("/console/sources/events")
        assert "refusing" in page.text
        assert "The newest 1 of 90." in page.text


async def test_while_nothing_has_come_the_page_says_where_to_send(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    settings = {
        "twilio_auth_tokens": (Secret("token-of-twilio"),),
        "public_url": "https://a.example",
    }
    async with (
        watched_router(redis_url, connection, tmp_path, **settings) as router,
        visiting(router.url, VIEWER) as viewer,
    ):
        page = await viewer.get("/console/sources/twilio")

    assert "Nothing has come yet" in page.text
    assert "https://a.example/twilio" in page.text
    assert "router twilio connect --url https://a.example/twilio" in page.text

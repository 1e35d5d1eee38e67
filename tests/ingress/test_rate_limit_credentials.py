"""The rate of one credential, from any number of addresses."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from support.running import Running, running, settings_for

from router.datatypes import Secret, Texts
from router.runtime.roles import Roles
from router.settings.model import Settings
from router.sources.twilio_signature import body_hash, sign

MAIN = Secret("auth-token-of-the-account")
SUB = Secret("auth-token-of-a-subaccount")
EVENTS = Secret("token-for-cloudevents")
ROLES = Roles(port=0, ingress=True)


def limited(redis_url: Secret, **changes: Any) -> Settings:
    """Return a router that admits three events at once, and then hardly any."""
    return settings_for(redis_url, credential_rate=1, credential_burst=3, **changes)


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = limited(redis_url, twilio_auth_tokens=(MAIN, SUB), events_token=EVENTS)
    async with running(settings, ROLES) as process:
        yield process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # Without keep-alive, because the router would wait for idle connections when it ends.
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


async def from_twilio(
    http: aiohttp.ClientSession, ingress: Running, body: bytes, token: Secret
) -> int:
    url = f"{ingress.url}/twilio?bodySHA256={body_hash(body)}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": sign(url, token)}
    async with http.post(url, data=body, headers=headers) as response:
        return response.status


async def to_events(
    http: aiohttp.ClientSession, ingress: Running, body: bytes, authorization: str
) -> aiohttp.ClientResponse:
    headers = {"Content-Type": "application/json", "Authorization": authorization}
    async with http.post(f"{ingress.url}/events", data=body, headers=headers) as response:
        await response.read()
        return response


def many(sample: bytes, count: int) -> bytes:
    return b"[" + b",".join([sample] * count) + b"]"


async def test_one_account_does_not_use_up_the_rate_of_another(
    ingress: Running, http: aiohttp.ClientSession, sample: bytes
) -> None:
    assert await from_twilio(http, ingress, many(sample, 9), SUB) == 202

    assert await from_twilio(http, ingress, sample, SUB) == 429
    assert await from_twilio(http, ingress, sample, MAIN) == 202


async def test_the_events_token_has_its_own_rate(
    ingress: Running, http: aiohttp.ClientSession, sample: bytes
) -> None:
    bearer = f"Bearer {EVENTS.reveal()}"
    assert (await to_events(http, ingress, many(sample, 9), bearer)).status == 202

    refused = await to_events(http, ingress, sample, bearer)

    assert refused.status == 429
    assert 5 <= int(refused.headers["Retry-After"]) <= 7
    assert "this credential exceeds 1 events a second" in await refused.text()
    assert await from_twilio(http, ingress, sample, MAIN) == 202


async def test_each_of_several_events_tokens_has_its_own_rate(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes
) -> None:
    settings = limited(redis_url, events_token=(EVENTS, Secret("an0ther-sender")))
    async with running(settings, ROLES) as ingress:
        bearer = f"Bearer {EVENTS.reveal()}"
        assert (await to_events(http, ingress, many(sample, 9), bearer)).status == 202
        assert (await to_events(http, ingress, sample, bearer)).status == 429
        assert (await to_events(http, ingress, sample, "Bearer an0ther-sender")).status == 202


async def test_unauthenticated_requests_do_not_use_up_a_credentials_rate(
    ingress: Running, http: aiohttp.ClientSession, sample: bytes
) -> None:
    for _ in range(9):
        assert (await to_events(http, ingress, sample, "Bearer guessed")).status == 403
        assert await from_twilio(http, ingress, sample, Secret("guessed")) == 403

    assert (await to_events(http, ingress, sample, f"Bearer {EVENTS.reveal()}")).status == 202
    assert await from_twilio(http, ingress, sample, MAIN) == 202


async def test_without_signatures_each_user_has_a_rate(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes
) -> None:
    users = (Secret("one:a"), Secret("two:b"))
    json = {"Content-Type": "application/json"}
    async with running(limited(redis_url, twilio_basic_auth=users), ROLES) as ingress:

        async def post(user: Secret, body: bytes) -> int:
            basic = base64.b64encode(user.reveal().encode()).decode()
            headers = {**json, "Authorization": f"Basic {basic}"}
            async with http.post(f"{ingress.url}/twilio", data=body, headers=headers) as response:
                return response.status

        assert await post(users[0], many(sample, 9)) == 202
        assert await post(users[0], sample) == 429
        assert await post(users[1], sample) == 202


@pytest.mark.parametrize(
    ("client_rate", "credential_rate", "promised"), [(0, 3, "180"), (2, 3, "120"), (2, 0, "120")]
)
async def test_the_handshake_grants_the_smaller_rate(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    client_rate: int,
    credential_rate: int,
    promised: str,
) -> None:
    settings = settings_for(
        redis_url,
        client_rate=client_rate,
        credential_rate=credential_rate,
        events_token=EVENTS,
        webhook_origins=Texts(("*",)),
    )
    async with (
        running(settings, ROLES) as ingress,
        http.options(
            f"{ingress.url}/events", headers={"WebHook-Request-Origin": "a.example"}
        ) as response,
    ):
        assert response.headers["WebHook-Allowed-Rate"] == promised

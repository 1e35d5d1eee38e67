"""Who may send which events to /events."""

import aiohttp
import msgspec
import pytest
from support.running import running, settings_for

from router.datatypes import Secret
from router.runtime.roles import Roles
from router.settings.choices import EventsOpen

ROLES = Roles(port=0, ingress=True)
TOKEN = Secret("t0ken-of-the-test")
PLAIN = {"specversion": "1.0", "id": "1", "source": "/s", "type": "org.example.t"}
TWILIO = {**PLAIN, "type": "com.twilio.voice.insights.conference-summary.complete"}


@pytest.mark.parametrize(
    ("is_open", "token", "given", "events", "expected"),
    [
        ("no", None, "", PLAIN, (403, "closed", "")),
        ("no", None, "x", PLAIN, (403, "closed", "")),
        ("no", TOKEN, "", PLAIN, (401, "no_token", "")),
        ("no", TOKEN, "wrong", PLAIN, (403, "wrong_token", "")),
        ("no", TOKEN, TOKEN.reveal(), TWILIO, (202, "", "")),
        ("yes", None, "", PLAIN, (202, "", "")),
        ("yes", None, "", TWILIO, (403, "twilio_type", "$.type")),
        ("yes", None, "", {**TWILIO, "type": "COM.Twilio.x"}, (403, "twilio_type", "$.type")),
        ("yes", None, "", [PLAIN, TWILIO], (403, "twilio_type", "$[1].type")),
        ("yes", TOKEN, "", PLAIN, (202, "", "")),
        ("yes", TOKEN, "", TWILIO, (403, "twilio_type", "$.type")),
        ("yes", TOKEN, TOKEN.reveal(), TWILIO, (202, "", "")),
        ("yes", TOKEN, "wrong", PLAIN, (403, "wrong_token", "")),
        ("all", None, "", TWILIO, (202, "", "")),
    ],
)
async def test_events_are_closed_and_twilios_need_a_token(
    redis_url: Secret,
    is_open: str,
    token: Secret | None,
    given: str,
    events: object,
    expected: tuple[int, str, str],
) -> None:
    """Before: without a token, /events took forged Twilio events. Mutant: no ``check_types``."""
    settings = settings_for(redis_url, events_open=EventsOpen(is_open), events_token=token)
    headers = {"Content-Type": "application/json"}
    if given:
        headers["Authorization"] = f"Bearer {given}"
    async with running(settings, ROLES) as process, aiohttp.ClientSession() as http:
        url = f"{process.url}/events"
        async with http.post(url, data=msgspec.json.encode(events), headers=headers) as response:
            answer = await response.json()
            error = answer.get("error", {})
            found = (response.status, error.get("code", ""), error.get("path", ""))
    assert found == expected


@pytest.mark.parametrize(
    ("given", "status"), [("new-token", 202), ("old-token", 202), ("older-token", 403)]
)
async def test_each_of_several_tokens_is_accepted_while_one_is_rotated(
    redis_url: Secret, given: str, status: int
) -> None:
    """Before: one token, so that all senders had to change it in the moment in which the router did."""
    settings = settings_for(redis_url, events_token=(Secret("new-token"), Secret("old-token")))
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {given}"}
    async with running(settings, ROLES) as process, aiohttp.ClientSession() as http:
        event = msgspec.json.encode(PLAIN)
        async with http.post(f"{process.url}/events", data=event, headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  ", "Bearer\t", "bEARER \t "])
async def test_the_scheme_of_a_token_has_any_case_at_each_endpoint(
    redis_url: Secret, scheme: str
) -> None:
    """Case I14 (RFC 9110, section 11.1): senders, operators and readiness."""
    operator = Secret("0perator-token-of-the-test")
    settings = settings_for(redis_url, events_token=TOKEN, admin_token=operator)
    event = msgspec.json.encode(PLAIN)
    async with running(settings, ROLES) as process, aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/json", "Authorization": scheme + TOKEN.reveal()}
        async with http.post(f"{process.url}/events", data=event, headers=headers) as response:
            assert response.status == 202
        headers = {"Authorization": scheme + operator.reveal()}
        async with http.get(f"{process.url}/api/v1/twilio-tests", headers=headers) as response:
            assert response.status == 200
        headers = {"Authorization": scheme + TOKEN.reveal()}
        async with http.get(f"{process.url}/api/v1/twilio-tests", headers=headers) as response:
            assert response.status == 403

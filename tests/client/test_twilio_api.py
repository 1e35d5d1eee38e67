"""The client of Twilio's API: pages, errors, retries, and secrets that stay where they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from support.sinks import HttpSink, Reply
from support.twilio_api import ACCOUNT, TOKEN, ApiFault, twilio_api

from router.cli.twilio_output import twilio_environment
from router.client.twilio_api import TwilioApi, TwilioApiError
from router.client.twilio_credentials import TwilioCredentials, TwilioHosts
from router.client.twilio_resources import (
    SubscribedType,
    TwilioCall,
    create_sink_call,
    create_subscription_call,
    delete_sink_call,
)
from router.clock import system_clock
from router.datatypes import Secret
from router.settings.model import Settings

SOON = {"Retry-After": "0.01"}
SINK = create_sink_call("d", "https://example.com")


@asynccontextmanager
async def client(url: str, *, call_seconds: float = 5.0) -> AsyncIterator[TwilioApi]:
    credentials = TwilioCredentials(user=ACCOUNT, password=TOKEN)
    hosts = TwilioHosts(events=url, monitor=url)
    environment = twilio_environment(Settings())
    api = TwilioApi(hosts, credentials, environment, system_clock(), call_seconds=call_seconds)
    async with api as opened:
        yield opened


def page(next_page_url: str | None) -> Reply:
    meta = {"key": "types", "next_page_url": next_page_url}
    return Reply(body=msgspec.json.encode({"types": [{"type": "a"}], "meta": meta}))


async def test_pages_are_read_to_the_end() -> None:
    async with twilio_api() as server, client(server.url) as api:
        server.page_size_limit = 4
        types = await api.event_types()

    assert len({each.type for each in types}) == 9
    assert [each.path for each in server.requests] == ["/v1/Types"] * 3
    assert server.requests[0].user_agent.startswith("event-router/")


async def test_the_link_to_the_next_page_leads_to_no_other_host() -> None:
    """Requests carry the credentials of the account."""
    async with (
        HttpSink(page("https://evil.example.com/steal?Page=1"), page(None)) as sink,
        client(sink.url.removesuffix("/hook")) as api,
    ):
        types = await api.event_types()

    assert len(types) == 2
    assert [each.path for each in sink.requests] == ["/v1/Types?PageSize=100", "/v1/Types?Page=1"]


async def test_pages_without_an_end_are_an_error() -> None:
    async with (
        HttpSink(otherwise=page("https://events.twilio.com/v1/Types?Page=1")) as sink,
        client(sink.url.removesuffix("/hook")) as api,
    ):
        with pytest.raises(TwilioApiError, match="more than 100 pages"):
            await api.event_types()


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"meta": {"key": "types"}, "types": [{}]}', b"\xff"]
)
async def test_an_answer_that_is_not_twilios_is_an_error(body: bytes) -> None:
    async with (
        HttpSink(otherwise=Reply(body=body)) as sink,
        client(sink.url.removesuffix("/hook")) as api,
    ):
        with pytest.raises(TwilioApiError, match=r"GET /v1/Types: the answer is not Twilio's"):
            await api.event_types()


async def test_an_error_has_twilios_code_and_message() -> None:
    async with twilio_api() as server, client(server.url) as api:
        with pytest.raises(TwilioApiError) as raised:
            await api.latest_schema_version("No.Such")

    error = raised.value
    assert (error.call, error.status, error.code) == ("GET /v1/Schemas/No.Such", 404, 20404)
    assert error.reason == "The requested resource /v1/Schemas/No.Such was not found"


async def test_an_error_without_twilios_form_has_the_status() -> None:
    async with twilio_api() as server, client(server.url) as api:
        server.faults = [ApiFault("GET", "/v1/Types", 403, body=b"<html>blocked</html>")]
        with pytest.raises(TwilioApiError, match="HTTP 403 Forbidden"):
            await api.event_types()


@pytest.mark.parametrize(
    ("fault", "calls", "is_answered"),
    [
        (ApiFault("POST", "/v1/Sinks", 429, 20429, "", SOON, times=2), 3, True),
        (ApiFault("POST", "/v1/Sinks", 500, 20500, "", SOON, times=1), 1, False),
        (ApiFault("POST", "/v1/Sinks", 503, 20503, "", SOON, times=1), 1, False),
        (ApiFault("POST", "/v1/Sinks", 400, 91000, "", SOON, times=1), 1, False),
        (ApiFault("GET", "/v1/Sinks", 429, 20429, "", SOON, times=2), 3, True),
        (ApiFault("GET", "/v1/Sinks", 503, 20503, "", SOON, times=1), 2, True),
        (ApiFault("GET", "/v1/Sinks", 500, 20500, "", SOON, times=1), 1, False),
        (ApiFault("GET", "/v1/Sinks", 401, 20003, "", SOON, times=1), 1, False),
    ],
)
async def test_only_what_cannot_happen_twice_is_sent_again(
    fault: ApiFault, calls: int, *, is_answered: bool
) -> None:
    method = fault.method
    async with twilio_api() as server, client(server.url) as api:
        server.faults = [fault]
        try:
            await (api.create_sink(SINK) if method == "POST" else api.sinks())
        except TwilioApiError:
            answered = False
        else:
            answered = True

    assert answered is is_answered
    assert len(server.requests) == calls


async def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    async with twilio_api() as server, client(server.url, call_seconds=1.0) as api:
        late = {"Retry-After": "30"}
        server.faults = [ApiFault("GET", "/v1/Types", 429, 20429, "Too many", late)]
        with pytest.raises(TwilioApiError) as raised:
            await api.event_types()

    assert (raised.value.status, raised.value.wait) == (429, 30.0)
    assert len(server.requests) == 1


async def test_no_secret_is_in_an_error() -> None:
    """Also if the answer repeats the credentials, or the URL of the sink."""
    url = "https://voice:sesame@example.com/twilio"
    call = create_sink_call("d", url, (Secret("voice:sesame"),))
    message = f"invalid {url} by {TOKEN.reveal()}"
    async with twilio_api() as server, client(server.url) as api:
        server.faults = [ApiFault("POST", "/v1/Sinks", 400, 91000, message)]
        with pytest.raises(TwilioApiError) as raised:
            await api.create_sink(call)

    assert "example.com/twilio by" in str(raised.value)
    assert "sesame" not in str(raised.value)
    assert TOKEN.reveal() not in str(raised.value)


async def test_a_network_error_is_named() -> None:
    async with client("http://127.0.0.1:1") as api:
        with pytest.raises(TwilioApiError, match="GET /v1/Types: connection refused") as raised:
            await api.event_types()

    assert raised.value.status == 0


async def test_what_is_deleted_may_be_gone() -> None:
    async with twilio_api() as server, client(server.url) as api:
        sid = server.add_sink("https://example.com")
        await api.run(delete_sink_call(sid))
        await api.run(delete_sink_call(sid))

    assert server.sinks == {}


async def test_a_sink_has_one_subscription_and_is_deleted_after_it() -> None:
    """The codes that the advice is about."""
    types = [SubscribedType(type="com.twilio.error-logs.error.logged", schema_version=1)]
    codes = []
    async with twilio_api() as server, client(server.url) as api:
        sid = server.add_sink("https://example.com", status="initialized")
        call = create_subscription_call("d", sid, types)
        codes.append(await _code(api, call))
        server.sinks[sid]["status"] = "active"
        await api.create_subscription(call)
        codes.append(await _code(api, call))
        codes.append(await _code(api, delete_sink_call(sid)))

    assert codes == [91100, 91101, 91007]


async def _code(api: TwilioApi, call: TwilioCall) -> int:
    with pytest.raises(TwilioApiError) as raised:
        await api.run(call)
    return raised.value.code

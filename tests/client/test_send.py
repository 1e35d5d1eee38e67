"""A request carries what the router's endpoint asks for."""

from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from router.client.send import Endpoint, SendResult, send
from router.datatypes import Secret
from router.errors import ConfigurationError
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")


@pytest.mark.parametrize(
    ("is_batch", "content_type"),
    [(False, "application/json"), (True, "application/cloudevents-batch+json")],
)
def test_a_cloudevent_carries_the_bearer_token(is_batch: bool, content_type: str) -> None:  # noqa: FBT001 - a parameter of the test
    target = Endpoint(url="http://router/events", token=Secret("t"))

    url, headers = target.request(b"{}", is_batch=is_batch)

    assert url == "http://router/events"
    assert headers == {"Content-Type": content_type, "Authorization": "Bearer t"}


def test_a_signed_request_has_the_hash_of_its_body_in_the_url() -> None:
    target = Endpoint(url="http://router/twilio?a=1", auth_token=TOKEN, credentials=Secret("u:p"))

    url, headers = target.request(b"{}", is_batch=False)

    assert parse_qs(urlsplit(url).query) == {"a": ["1"], "bodySHA256": [body_hash(b"{}")]}
    assert headers["X-Twilio-Signature"] == sign(url, TOKEN)
    assert headers["Authorization"] == "Basic dTpw"


def test_a_signature_is_for_the_public_url() -> None:
    target = Endpoint(
        url="http://10.0.0.1/twilio", auth_token=TOKEN, public_url="https://router.example"
    )

    url, headers = target.request(b"{}", is_batch=False)

    signed = f"https://router.example/twilio?{urlsplit(url).query}"
    assert headers["X-Twilio-Signature"] == sign(signed, TOKEN)


def test_messages_show_the_url_without_its_query() -> None:
    assert Endpoint(url="http://router/events?key=secret").shown == "http://router/events"


async def test_the_response_is_the_result() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, text=await request.text(), headers={"Retry-After": "7"})

    application = web.Application()
    application.router.add_post("/events", answer)
    async with TestServer(application) as server:
        result = await send(Endpoint(url=str(server.make_url("/events"))), b"{}")

    assert result == SendResult(503, "{}", "7")
    assert not result.accepted


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/events", "no-url"])
async def test_without_an_answer_the_endpoint_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{url}: "):
        await send(Endpoint(url=url), b"{}")

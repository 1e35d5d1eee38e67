"""The probe of a sink's URL before anything is made."""

import pytest
from support.host_names import HostNames
from support.sinks import HttpSink, Reply
from support.twilio_api import ACCOUNT, TOKEN

from router.cli.twilio_output import twilio_environment
from router.client.twilio_advice import SinkSituation
from router.client.twilio_api import TwilioApi
from router.client.twilio_connection import ConnectStep, SinkConnector, SinkTarget
from router.client.twilio_credentials import TwilioCredentials, TwilioHosts
from router.clock import system_clock
from router.datatypes import Secret
from router.settings.model import Settings
from router.sources.twilio_signature import body_hash, sign

ROUTER = Reply(status=202, body=b'{"accepted":0,"quarantined":0}')


def connector(url: str, said: list[ConnectStep]) -> SinkConnector:
    environment, clock = twilio_environment(Settings()), system_clock()
    hosts = TwilioHosts(events="http://127.0.0.1:1", monitor="http://127.0.0.1:1")
    credentials = TwilioCredentials(user=ACCOUNT, password=TOKEN)
    return SinkConnector(
        TwilioApi(hosts, credentials, environment, clock),
        environment,
        clock,
        target=SinkTarget(
            situation=SinkSituation(url=url), auth_token=TOKEN, credentials=Secret("a:b c")
        ),
        watch=None,
        say=said.append,
    )


@pytest.mark.parametrize("query", ["", "?tenant=1"])
async def test_the_request_is_one_that_twilio_could_have_sent(query: str) -> None:
    async with HttpSink(otherwise=ROUTER) as sink:
        await connector(f"{sink.url}{query}", []).check_url()
        (request,) = sink.requests

    signed = f"{sink.url}{query}{'&' if query else '?'}bodySHA256={body_hash(b'[]')}"
    assert (request.method, request.body) == ("POST", b"[]")
    assert signed.endswith(request.path)
    assert request.headers["x-twilio-signature"] == sign(signed, TOKEN)
    assert request.headers["authorization"] == "Basic YTpiIGM="
    assert request.headers["content-type"] == "application/json"


async def test_a_name_with_a_private_address_is_noted() -> None:
    said: list[ConnectStep] = []
    with HostNames() as names:
        names.addresses["router.example.com"] = ["127.0.0.1"]
        async with HttpSink(otherwise=ROUTER) as sink:
            await connector(f"http://router.example.com:{sink.port}/twilio", said).check_url()

    assert [(step.is_note, step.text.split(";")[0]) for step in said][1:] == [
        (True, "router.example.com has the private address 127.0.0.1 here")
    ]

"""`router twilio connect` against Twilio's API as it is documented, and a router that really runs.

With ``-s``, the table of failures prints the sentence of each.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from click.testing import Result
from support.host_names import HostNames
from support.twilio_api import (
    ACCOUNT,
    KEY,
    KEY_SECRET,
    TOKEN,
    ApiFault,
)
from support.twilio_bench import TwilioBench

from router.datatypes import Networks, Secret
from router.journal.connection import Connection
from router.journal.twilio_tests import SinkTests
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
INSIGHTS = "com.twilio.voice.insights"
OTHER_TOKEN = Secret("auth-token-of-another-account")
BASIC = Secret("voice:open sesame")


def json(result: Result) -> Any:
    return msgspec.json.decode(result.stdout)


async def test_from_nothing_to_the_first_event(
    bench: TwilioBench, connection: Connection, sample: bytes
) -> None:
    router = await bench.router()
    before = await bench.api.publish(sample)

    result = await bench.run("connect", "--url", router.url, "--voice-insights")
    first = await bench.api.publish(sample)

    (sink,) = bench.api.sinks.values()
    (subscription,) = bench.api.subscriptions.values()
    (test,) = await SinkTests(connection).latest()
    assert result.exit_code == 0, result.output
    assert sink["sink_configuration"] == {"destination": f"{router.url}/twilio", "method": "POST"}
    assert bench.api.types[subscription["sid"]] == {
        f"{INSIGHTS}.call-summary.complete": 7,
        f"{INSIGHTS}.call-summary.partial": 7,
        f"{INSIGHTS}.conference-summary.complete": 2,
        f"{INSIGHTS}.call-event.gateway": 3,
    }
    assert (test.account_sid, bench.api.answers) == (ACCOUNT, [202])
    assert (before, first) == ([], [202])
    received = router.metric("router_events_received_total", source="twilio", outcome="accepted")
    assert received == 2
    assert bench.api.changes == [
        "POST /v1/Sinks",
        f"POST /v1/Sinks/{sink['sid']}/Test",
        "POST /v1/Subscriptions",
    ]
    assert result.output.splitlines() == [
        f"4 of 9 event types are chosen: {INSIGHTS}.*.",
        f"{INSIGHTS}.call-event.old is deprecated, and left out unless it is named in full.",
        f"The router answers at {router.url}/twilio and accepts the request.",
        f"Sink {sink['sid']} was created.",
        "Twilio was asked for a test event; it is awaited for 30 s.",
        *[line for line in result.output.splitlines() if "has come, after" in line],
        f"Subscription {subscription['sid']} to 4 event types was created.",
        f"Connected: sink {sink['sid']} sends 4 event types to {router.url}/twilio",
    ]


async def test_a_second_run_changes_nothing_and_says_so(bench: TwilioBench) -> None:
    """The types need not be chosen again."""
    router = await bench.router()
    await bench.connect(router.url)
    made = (bench.api.sinks, bench.api.subscriptions, bench.api.types)
    before = msgspec.json.encode(made)
    bench.api.requests.clear()

    again = await bench.run("connect", "--url", router.url, "--json")

    (sid,) = bench.api.sinks
    assert again.exit_code == 0, again.output
    assert "No types are named, so the 4 of the subscription stay." in again.stderr
    assert "Nothing had to be changed." in again.stderr
    assert json(again)["changed"] is False
    assert msgspec.json.encode(made) == before
    assert bench.api.changes == [f"POST /v1/Sinks/{sid}/Test"]


async def test_a_type_that_twilio_has_discontinued_stays_subscribed(bench: TwilioBench) -> None:
    router = await bench.router()
    sink = bench.api.add_sink(f"{router.url}/twilio")
    bench.api.add_subscription(sink, {"com.twilio.studio.flow.step.ended": 3})

    result = await bench.run("connect", "--url", router.url)

    assert result.exit_code == 0, result.output
    assert "Nothing had to be changed." in result.output


async def test_types_that_are_missing_are_added_to_the_subscription_that_exists(
    bench: TwilioBench,
) -> None:
    router = await bench.router()
    sink = bench.api.add_sink(f"{router.url}/twilio")
    message = "com.twilio.messaging.message.failed"
    subscription = bench.api.add_subscription(sink, {message: 3})

    result = await bench.connect(router.url, "--types", "com.twilio.messaging.*", "--json")

    assert bench.api.types[subscription] == {message: 3, message.replace("failed", "delivered"): 4}
    assert list(bench.api.sinks) == [sink]
    assert json(result)["types_added"] == ["com.twilio.messaging.message.delivered"]
    assert f"{message} stays at version 3 of its schema; the newest is 4." in result.stderr


async def test_a_sink_that_is_not_active_is_validated_with_the_test_event(
    bench: TwilioBench,
) -> None:
    router = await bench.router()
    bench.api.new_sinks_are = "initialized"

    result = await bench.connect(router.url, "--voice-insights", "--json")

    (sid,) = bench.api.sinks
    assert result.exit_code == 0, result.output
    assert bench.api.changes[1:] == [
        f"POST /v1/Sinks/{sid}/Test",
        f"POST /v1/Sinks/{sid}/Validate",
        "POST /v1/Subscriptions",
    ]
    assert json(result)["sink_status"] == "active"


async def test_a_sink_that_stays_inactive_is_not_subscribed(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.new_sinks_are, bench.api.validated_sinks_are = "initialized", "failed"

    result = await bench.connect(router.url, "--voice-insights")

    assert result.exit_code == 1
    assert "is failed although its test event has come." in result.output
    assert not bench.api.subscriptions


async def test_the_sinks_url_gets_the_credentials_that_the_router_requires(
    bench: TwilioBench,
) -> None:
    router = await bench.router(twilio_basic_auth=(BASIC,))

    result = await bench.connect(router.url, ROUTER_TWILIO_BASIC_AUTH=BASIC.reveal())

    (sink,) = bench.api.sinks.values()
    written = router.url.replace("://", "://voice:open%20sesame@")
    assert result.exit_code == 0, result.output
    assert sink["sink_configuration"]["destination"] == f"{written}/twilio"
    assert "sesame" not in result.output


async def test_an_api_key_is_enough(bench: TwilioBench) -> None:
    """Without the auth token, the probe is signed with the router's, if that is set here."""
    router = await bench.router()
    key = {"TWILIO_API_KEY": KEY, "TWILIO_API_SECRET": KEY_SECRET.reveal()}
    none = {"TWILIO_ACCOUNT_SID": None, "TWILIO_AUTH_TOKEN": None}

    blind = await bench.connect(router.url, **key, **none)
    known = await bench.connect(router.url, ROUTER_TWILIO_AUTH_TOKENS=TOKEN.reveal(), **key, **none)

    assert (blind.exit_code, known.exit_code) == (0, 0), blind.output + known.output
    assert f"The router answers at {router.url}/twilio.\n" in blind.output
    assert "and accepts the request" in known.output


async def test_a_router_that_takes_twilios_addresses_only_is_judged_by_the_test_event(
    bench: TwilioBench,
) -> None:
    """Its refusal of the probe is not taken for one of Twilio's request."""
    router = await bench.router(twilio_addresses=Networks.parse("35.90.102.128/25"))
    bench.api.delivers = False

    result = await bench.connect_in_vain(router.url, flush=1.0)

    assert f"The router answers at {router.url}/twilio.\n" in result.output
    assert "No request from Twilio has arrived within 0.1 s." in result.output


async def test_a_refused_request_ends_the_wait(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.signing_token = OTHER_TOKEN

    async with asyncio.timeout(60):
        result = await bench.connect(router.url, wait="5m")

    assert "Twilio signs with another token" in result.output


async def test_dry_run_prints_the_calls_and_changes_nothing(bench: TwilioBench) -> None:
    router = await bench.router(twilio_basic_auth=(BASIC,))
    options = ("--types", "com.twilio.messaging.*", "--dry-run")

    result = await bench.connect(router.url, *options, ROUTER_TWILIO_BASIC_AUTH=BASIC.reveal())

    destination = router.url.replace("://", "://***@") + "/twilio"
    made = "made by router twilio connect"
    assert bench.api.changes == []
    assert result.output.splitlines()[1:] == [
        f"POST {bench.api.url}/v1/Sinks",
        f"    Description=Event router, {made}",
        f'    SinkConfiguration={{"destination":"{destination}","method":"POST"}}',
        "    SinkType=webhook",
        f"POST {bench.api.url}/v1/Sinks/DG…/Test",
        f"POST {bench.api.url}/v1/Subscriptions",
        f"    Description=Event router, {made}",
        "    SinkSid=DG…",
        '    Types={"type":"com.twilio.messaging.message.delivered","schema_version":4}',
        '    Types={"type":"com.twilio.messaging.message.failed","schema_version":4}',
    ]


async def test_a_sink_that_is_not_active_is_tested_and_validated_in_a_dry_run_too(
    bench: TwilioBench,
) -> None:
    router = await bench.router()
    bench.api.add_sink(f"{router.url}/twilio", status="initialized")

    result = await bench.connect(router.url, "--voice-insights", "--dry-run", "--json")

    calls = [each["url"].rpartition("/")[2] for each in json(result)["calls"]]
    assert calls == ["Test", "Validate", "Subscriptions"]


async def test_without_redis_the_test_event_need_not_be_awaited(bench: TwilioBench) -> None:
    router = await bench.router()
    nowhere = "unix:///nonexistent/redis.sock"

    waited = await bench.connect(router.url, ROUTER_REDIS_URL=nowhere)
    made = dict(bench.api.sinks)
    sent = await bench.connect(
        router.url, "--voice-insights", "--no-wait", ROUTER_REDIS_URL=nowhere
    )

    assert (waited.exit_code, made) == (2, {})
    assert waited.stderr.endswith("; --no-wait needs no Redis\n")
    assert sent.exit_code == 0, sent.output
    assert len(bench.api.subscriptions) == 1


async def test_a_sink_that_must_be_validated_needs_its_test_event(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.new_sinks_are = "initialized"

    result = await bench.connect(router.url, "--voice-insights", "--no-wait")

    assert result.exit_code == 1
    assert "must be validated by its test event" in result.output
    assert "Run the same command without --no-wait." in result.output


async def test_a_url_that_only_this_machine_cannot_reach_is_not_probed(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.called_url = lambda url: url.replace("http://127.0.0.1:1/", f"{router.url}/")

    result = await bench.connect(
        "http://127.0.0.1:1", "--voice-insights", "--no-probe", "--no-wait"
    )

    assert result.exit_code == 0, result.output


async def test_without_a_terminal_the_types_must_be_named(bench: TwilioBench) -> None:
    router = await bench.router()

    result = await bench.run("connect", "--url", router.url)

    assert result.exit_code == 2
    assert "choose event types: --voice-insights, or --types" in result.stderr
    assert bench.api.changes == []


async def test_lists_are_read_page_by_page(bench: TwilioBench) -> None:
    """A sink on the third page is found, and no second one is made."""
    router = await bench.router()
    bench.api.page_size_limit = 2
    for number in range(5):
        bench.api.add_sink(f"https://other{number}.example.com/hook")
    sid = bench.api.add_sink(f"{router.url}/twilio")

    result = await bench.connect(router.url, "--voice-insights", "--json")

    assert json(result)["sink_sid"] == sid
    assert len(bench.api.sinks) == 6


async def test_a_run_after_a_lost_answer_makes_no_second_sink(bench: TwilioBench) -> None:
    router = await bench.router()
    lost = ApiFault("POST", "/v1/Sinks", 500, message="Internal", times=1, is_after=True)
    bench.api.faults = [lost]

    first = await bench.connect(router.url)
    second = await bench.connect(router.url)

    assert (first.exit_code, second.exit_code) == (1, 0)
    assert len(bench.api.sinks) == 1
    assert "has this URL already" in second.output


async def test_a_run_after_a_failure_between_two_calls_goes_on(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.faults = [ApiFault("POST", "/v1/Subscriptions", 500, message="Internal", times=1)]

    first = await bench.connect(router.url)
    (sid,) = bench.api.sinks
    second = await bench.connect(router.url)

    assert first.exit_code == 1
    assert f"Exists now: sink {sid} (active). The same command goes on from there" in first.output
    assert second.exit_code == 0
    assert list(bench.api.sinks) == [sid]
    assert len(bench.api.subscriptions) == 1


async def test_too_many_requests_are_sent_again_when_twilio_says_so(bench: TwilioBench) -> None:
    router = await bench.router()
    wait = {"Retry-After": "0.01"}
    bench.api.faults = [
        ApiFault("GET", "/v1/Types", 429, 20429, "Too many requests", wait, times=1),
        ApiFault("POST", "/v1/Sinks", 429, 20429, "Too many requests", wait, times=1),
    ]

    result = await bench.connect(router.url)

    assert result.exit_code == 0, result.output
    assert len(bench.api.sinks) == 1


Arrange = Callable[[TwilioBench], Awaitable[Result]]


async def _no_https(bench: TwilioBench) -> Result:
    return await bench.connect("http://events.example.com")


async def _private_host(bench: TwilioBench) -> Result:
    return await bench.connect("https://10.0.0.7:8443")


async def _private_name(bench: TwilioBench) -> Result:
    return await bench.connect("https://router.internal")


async def _password_in_the_url(bench: TwilioBench) -> Result:
    return await bench.connect("https://voice:secret@events.example.com")


async def _no_name(bench: TwilioBench) -> Result:
    names = bench.stack.enter_context(HostNames())
    names.failing["events.example.com"] = socket.gaierror(socket.EAI_NONAME, "unknown")
    return await bench.connect("https://events.example.com")


async def _nothing_listens(bench: TwilioBench) -> Result:
    sink = await bench.sink()
    await sink.die()
    return await bench.connect(f"http://127.0.0.1:{sink.port}")


async def _proxy_without_router(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.sink(status=502)).url)


async def _other_server(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.sink(body=b"<html>Log in</html>")).url)


async def _redirect(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.sink(status=301)).url)


async def _other_path(bench: TwilioBench) -> Result:
    return await bench.connect(f"{(await bench.router()).url}/hooks/twilio")


async def _no_token(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.router(twilio_auth_tokens=())).url)


async def _subaccount(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.router(twilio_auth_tokens=(OTHER_TOKEN,))).url)


async def _other_public_url(bench: TwilioBench) -> Result:
    router = await bench.router(public_url="https://events.example.com")
    return await bench.connect(router.url)


async def _no_credentials(bench: TwilioBench) -> Result:
    return await bench.connect((await bench.router(twilio_basic_auth=(BASIC,))).url)


async def _wrong_credentials(bench: TwilioBench) -> Result:
    router = await bench.router(twilio_basic_auth=(BASIC,))
    return await bench.connect(router.url, ROUTER_TWILIO_BASIC_AUTH="voice:wrong")


async def _no_redis(bench: TwilioBench) -> Result:
    router = await bench.router()
    return await bench.connect(router.url, ROUTER_REDIS_URL="unix:///nonexistent/redis.sock")


async def _no_request(bench: TwilioBench) -> Result:
    bench.api.delivers = False
    return await bench.connect_in_vain((await bench.router()).url)


async def _other_redis(bench: TwilioBench) -> Result:
    router = await bench.router()
    url = bench.redis_url.reveal()
    other = f"{url}{'&' if '?' in url else '?'}db=3"
    return await bench.connect_in_vain(router.url, ROUTER_REDIS_URL=other)


async def _twilio_signs_with_another_token(bench: TwilioBench) -> Result:
    """As it does for a sink of a subaccount, while the command has the token of the parent."""
    bench.api.signing_token = OTHER_TOKEN
    return await bench.connect((await bench.router()).url)


async def _twilio_meets_a_firewall(bench: TwilioBench) -> Result:
    wall = await bench.sink(status=403, body=b"blocked")
    bench.api.called_url = lambda _: wall.url
    return await bench.connect_in_vain((await bench.router()).url)


async def _twilio_cannot_connect(bench: TwilioBench) -> Result:
    bench.api.called_url = lambda _: "http://127.0.0.1:1/"
    return await bench.connect_in_vain((await bench.router()).url)


async def _wrong_twilio_token(bench: TwilioBench) -> Result:
    return await bench.connect("https://events.example.com", TWILIO_AUTH_TOKEN="wrong")


async def _no_twilio_token(bench: TwilioBench) -> Result:
    return await bench.connect("https://events.example.com", TWILIO_AUTH_TOKEN=None)


async def _restricted_key(bench: TwilioBench) -> Result:
    bench.api.faults = [ApiFault("POST", "/v1/Sinks", 403, 70051, "Authorization Failed")]
    return await bench.connect((await bench.router()).url)


async def _throttled(bench: TwilioBench) -> Result:
    wait = {"Retry-After": "120"}
    bench.api.faults = [ApiFault("GET", "/v1/Types", 429, 20429, "Too many requests", wait)]
    return await bench.connect("https://events.example.com")


async def _refused_by_twilio(bench: TwilioBench) -> Result:
    refused = ApiFault("POST", "/v1/Sinks", 400, 91000, "Sink could not be created")
    bench.api.faults = [refused]
    return await bench.connect((await bench.router()).url)


async def _twilio_is_down(bench: TwilioBench) -> Result:
    bench.api.faults = [ApiFault("POST", "/v1/Sinks", 500, 20500, "Internal Server Error")]
    return await bench.connect((await bench.router()).url)


async def _twilio_cannot_be_reached(bench: TwilioBench) -> Result:
    return await bench.connect("https://events.example.com", ROUTER_TWILIO_API="http://127.0.0.1:1")


async def _too_many_sinks(bench: TwilioBench) -> Result:
    for number in range(100):
        bench.api.add_sink(f"https://other{number}.example.com/hook")
    return await bench.connect((await bench.router()).url)


async def _sink_with_get(bench: TwilioBench) -> Result:
    url = f"{(await bench.router()).url}/twilio"
    bench.api.add_sink(url, sink_configuration={"destination": url, "method": "GET"})
    return await bench.connect(url)


async def _sink_without_password(bench: TwilioBench) -> Result:
    router = await bench.router(twilio_basic_auth=(BASIC,))
    bench.api.add_sink(f"{router.url}/twilio")
    return await bench.connect(router.url, ROUTER_TWILIO_BASIC_AUTH=BASIC.reveal())


async def _unknown_type(bench: TwilioBench) -> Result:
    return await bench.connect("https://events.example.com", "--types", "com.twilio.voice.*call")


@pytest.fixture(scope="module")
def told() -> Iterator[list[tuple[str, str]]]:
    rows: list[tuple[str, str]] = []
    yield rows
    width = max(len(name) for name, _ in rows)
    for name, said in rows:
        print(f"\n{name:<{width}}  {said}", end="")  # noqa: T201 - the table of failures
    print()  # noqa: T201


@pytest.mark.parametrize(
    ("arrange", "code", "expected", "remedy"),
    [
        (_no_https, 2, "begins with http://", "write https://"),
        (_private_host, 2, "10.0.0.7 is an address of a private network", "the public name"),
        (_private_name, 2, "router.internal is a name of a private network", "a tunnel"),
        (_password_in_the_url, 2, "without user and password", "ROUTER_TWILIO_BASIC_AUTH"),
        (_no_name, 1, "events.example.com/twilio has no address: name not found", "DNS record"),
        (_nothing_listens, 1, "does not answer: connection refused", "Start the router"),
        (_proxy_without_router, 1, "A proxy answers at", "the proxy forwards to"),
        (_other_server, 1, "is not the router", "Correct --url"),
        (_redirect, 1, "redirects (HTTP 301)", "the URL that it redirects to"),
        (_other_path, 1, "its endpoint has another path", "pass this path on as /twilio"),
        (_no_token, 1, "The router has no auth token", "Set ROUTER_TWILIO_AUTH_TOKENS"),
        (_subaccount, 1, f"does not have the auth token of {ACCOUNT}", "each subaccount signs"),
        (_other_public_url, 1, "checks the URL https://events.example.com/twilio, and Twilio signs",
         "Set ROUTER_TWILIO_URL=http://127.0.0.1"),
        (_no_credentials, 1, "requires a user and a password", "Set ROUTER_TWILIO_BASIC_AUTH"),
        (_wrong_credentials, 1, "rejected the user or the password", "Set ROUTER_TWILIO_BASIC_AUTH"),
        (_no_redis, 2, "Redis", "correct the path in ROUTER_REDIS_URL"),
        (_no_request, 1, "No request from Twilio has arrived", "35.90.102.128/25"),
        (_other_redis, 1, "does not store them in the Redis", "ROUTER_REDIS_URL of the router"),
        (_twilio_signs_with_another_token, 1, "Twilio signs with another token", "for a subaccount its own"),
        (_twilio_meets_a_firewall, 1, "get a 4xx (91305)", "a firewall for web applications"),
        (_twilio_cannot_connect, 1, "Twilio cannot connect to the sink (91307)", "35.90.102.128/25"),
        (_wrong_twilio_token, 1, "Twilio rejected the credentials (error 20003)", "TWILIO_AUTH_TOKEN"),
        (_no_twilio_token, 2, "TWILIO_AUTH_TOKEN is not set", "TWILIO_API_KEY"),
        (_restricted_key, 1, "Twilio does not allow POST /v1/Sinks", "API key of the type Main"),
        (_throttled, 1, "asks to wait 120 s", "Run the same command again"),
        (_refused_by_twilio, 1, "Sink could not be created (error 91000)", "errors/91000"),
        (_twilio_is_down, 1, "Twilio's API failed at POST /v1/Sinks", "Run the same command later"),
        (_twilio_cannot_be_reached, 1, "did not answer GET /v1/Types: connection refused",
         "ROUTER_PROXY"),
        (_too_many_sinks, 2, "the account has 100 sinks", "delete one that is not used"),
        (_sink_with_get, 2, "its method is GET, not POST", "sinks:remove"),
        (_sink_without_password, 2, "its URL has no user and password", "sinks:remove"),
        (_unknown_type, 2, "matches no event type of this account", "router twilio types"),
    ],
)  # fmt: skip
async def test_each_failure_has_its_sentence_and_a_next_step(
    bench: TwilioBench,
    told: list[tuple[str, str]],
    arrange: Arrange,
    code: int,
    expected: str,
    remedy: str,
) -> None:
    result = await arrange(bench)

    said = " ".join(result.output.split())
    failure = re.split("failed: |^router: ", said)[-1]
    told.append((arrange.__name__.strip("_").replace("_", " "), failure))
    assert result.exit_code == code, result.output
    assert expected in said
    assert remedy in said
    assert bench.api.subscriptions == {}
    assert not any(secret in said for secret in (TOKEN.reveal(), "sesame", KEY_SECRET.reveal()))

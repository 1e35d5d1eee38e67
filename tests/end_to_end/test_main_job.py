"""Twilio's sample event, signed, to Slack, a mailbox and a ticket system: once each, soon."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from standardwebhooks import Webhook
from support.events import event_from
from support.receivers import Receivers
from support.running import Running, running, settings_for
from support.sender import TOKEN, Sender
from support.waiting import until
from yarl import URL

from router.clock import system_clock
from router.configuration.load import ConfigurationSource, load
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles, WorkerConfig
from router.sources.twilio_signature import body_hash, sign

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    async with Receivers() as receivers:
        yield receivers


@pytest.fixture
async def router(redis_url: Secret, receivers: Receivers) -> AsyncIterator[Running]:
    """Ingress and worker in one process, with the rules that ship."""
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), viewer_token=Secret("v"))
    source = ConfigurationSource(folder=RULES, environ=receivers.environ())
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    roles = Roles(port=0, ingress=True, worker=work)
    async with running(settings, roles) as process:
        yield process


async def post(router: Running, body: bytes, *, signed: bytes | None = None) -> int:
    """Send ``body``, with the signature of ``signed`` if that is given."""
    url = f"{router.url}/twilio?bodySHA256={body_hash(signed or body)}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": sign(url, TOKEN)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return response.status


async def all_settled(connection: Connection) -> ledger.Ledger:
    """Wait until nothing is pending any more."""

    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return None if any(pending) else books

    return await until(settled)


def timed_out(sample: bytes, event_id: str) -> bytes:
    return b"[" + event_from(sample, id=event_id, status="summary_timeout").body + b"]"


async def test_each_receiver_has_it_once(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    loop = asyncio.get_running_loop()
    await post(router, timed_out(sample, "NO0"))  # connections are made, templates compiled
    await receivers.have_all({"NO0"}, seconds=10)
    began = loop.time()

    assert await post(router, timed_out(sample, "NO1")) == 202

    accepted = loop.time()
    delivered = await receivers.have_all({"NO1"}, seconds=10)
    assert delivered == {"slack": {"NO1": 1}, "mail": {"NO1": 1}, "tickets": {"NO1": 1}}
    await all_settled(connection)
    assert receivers.counts() == {"slack": 2, "mail": 2, "tickets": 2}
    times = {
        "accepted": accepted,
        "slack": receivers.slack.requests[-1].at,
        "mail": receivers.mail.mails[-1].at,
        "tickets": receivers.tickets.requests[-1].at,
    }
    print(*(f"{name} after {(at - began) * 1000:.1f} ms" for name, at in times.items()), sep=", ")  # noqa: T201


@pytest.mark.fault_row(32)
async def test_a_repeat_is_accepted_and_nobody_is_told_again(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    """Mutant: no event is a duplicate."""
    await post(router, timed_out(sample, "NO1"))
    await receivers.have_all({"NO1"}, seconds=10)

    assert await post(router, timed_out(sample, "NO1")) == 202

    books = await all_settled(connection)
    assert (books.accepted, books.duplicate, books.matched) == (2, 1, 1)
    assert receivers.counts() == {"slack": 1, "mail": 1, "tickets": 1}


async def test_the_api_says_what_came_of_an_event_and_why_not_more(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    await post(router, timed_out(sample, "NO1"))
    await receivers.have_all({"NO1"}, seconds=10)
    await all_settled(connection)
    source = quote(event_from(sample).source, safe="")
    url = URL(f"{router.url}/api/v1/events/{source}/NO1", encoded=True)
    headers = {"Authorization": "Bearer v"}

    async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as response:
        found = await response.json()

    assert response.status == 200, found
    rules = {each["rule"]: each for each in found["rules"]}
    delivered = {
        (each["destination"], each["state"], each["attempts"])
        for each in rules["conference-summary-timeout"]["deliveries"]
    }
    assert delivered == {(name, "delivered", 1) for name in ("voice-oncall", "noc-mail", "tickets")}
    missed = [each for each in rules.values() if each["verdict"] == "did not match"]
    assert all(any(part["decides"] for part in each["parts"]) for each in missed)
    assert missed
    assert not found["rules_changed"]


async def test_a_changed_byte_is_refused_and_nobody_is_told(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    body = timed_out(sample, "NO1")

    assert await post(router, body.replace(b"us1", b"us2", 1), signed=body) == 403

    assert (await all_settled(connection)).accepted == 0
    assert receivers.counts() == {"slack": 0, "mail": 0, "tickets": 0}


async def test_twilios_example_as_it_stands_is_a_call_quality_alert(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    assert await post(router, sample) == 202

    await receivers.slack.receive(1)
    await receivers.mail.receive(1)
    await all_settled(connection)
    assert receivers.counts() == {"slack": 1, "mail": 1, "tickets": 0}
    assert "5 call quality issues in conference Weekly Standup Meeting" in str(
        receivers.slack.requests[0].json()
    )


async def test_the_ticket_system_can_check_the_signature_and_has_the_original_bytes(
    router: Running, receivers: Receivers, sample: bytes
) -> None:
    body = timed_out(sample, "NO1")
    await post(router, body)

    (request,) = await receivers.tickets.receive(1)

    Webhook(receivers.environ()["TICKETS_SECRET"]).verify(request.body, request.headers)
    assert body[1:-1] in request.body


async def test_an_event_that_no_rule_matches_is_filtered(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    await post(router, event_from(sample, type="com.example.other").body)

    books = await all_settled(connection)
    assert (books.accepted, books.filtered) == (1, 1)
    assert receivers.counts() == {"slack": 0, "mail": 0, "tickets": 0}


async def test_an_event_with_a_number_out_of_range_is_evaluated(
    router: Running, sample: bytes, connection: Connection
) -> None:
    event = sample.replace(b'"region_configuration" : 2', b'"region_configuration" : 1e999')
    assert event != sample

    assert await post(router, event) == 202

    books = await all_settled(connection)
    assert (books.accepted, books.quarantined, books.matched) == (1, 0, 1)


async def test_the_same_event_twice_in_one_request_is_one(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    event = event_from(sample, id="NO1", status="summary_timeout").body

    assert await post(router, b"[" + event + b"," + event + b"]") == 202

    await receivers.have_all({"NO1"}, seconds=10)
    books = await all_settled(connection)
    assert (books.accepted, books.duplicate, books.matched) == (2, 1, 1)
    assert receivers.counts() == {"slack": 1, "mail": 1, "tickets": 1}


@pytest.mark.fault_row(30)
async def test_a_hundred_copies_at_once_are_one(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    """Mutant: no event is a duplicate."""
    sender = Sender(sample)

    await sender.send(router.url, ["NO1"] * 100)

    await receivers.have_all({"NO1"}, seconds=10)
    books = await all_settled(connection)
    assert (books.accepted, books.duplicate, books.matched) == (100, 99, 1)
    assert receivers.counts() == {"slack": 1, "mail": 1, "tickets": 1}


async def test_the_metrics_tell_the_story(
    router: Running, receivers: Receivers, connection: Connection, sample: bytes
) -> None:
    await post(router, timed_out(sample, "NO1"))
    await receivers.have_all({"NO1"}, seconds=10)
    await all_settled(connection)

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{router.url}/metrics") as response,
    ):
        lines = (await response.text()).splitlines()

    expected = {
        'router_events_received_total{outcome="accepted",source="twilio"} 1.0',
        'router_events_evaluated_total{outcome="matched"} 1.0',
        'router_rule_matches_total{rule="conference-summary-timeout"} 1.0',
        'router_delivery_attempts_total{destination="voice-oncall",outcome="delivered"} 1.0',
        'router_delivery_attempts_total{destination="noc-mail",outcome="delivered"} 1.0',
        'router_delivery_attempts_total{destination="tickets",outcome="delivered"} 1.0',
        "router_delivery_latency_seconds_count 3.0",
        'router_queue_depth{queue="evaluate"} 0.0',
        'router_queue_depth{queue="deliver:tickets"} 0.0',
        'router_dead_letters{destination="tickets"} 0.0',
        f"router_rules_loaded {len(load(RULES, receivers.environ()).rules.rules)}.0",
        "router_redis_up 1.0",
    }
    assert expected - set(lines) == set()

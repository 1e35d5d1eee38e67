"""``POST /api/v1/destinations/<name>/test``: one marked message by the real path, and its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from support.clock import SetClock
from support.mail import SmtpSink
from support.rules_folder import RulesFolder
from support.running import running, settings_for, worker_of
from support.sinks import HttpSink, Reply
from support.stored import agree
from support.waiting import until

from router.alerts import AlertStatus
from router.api.message_testing import make_messages, send_test
from router.api.requests import BadRequestError
from router.clock import Clock
from router.datatypes import Secret
from router.journal import keys, ledger
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.connection import Connection
from router.journal.lanes import lane_of
from router.journal.pauses import Pause, PauseKind, Pauses
from router.runtime.roles import Roles
from router.settings.tokens import Tokens

RULES = """
destinations:
  tickets: {{http: {{url: "{url}"}}}}
  digest:
    email:
      to: [noc@example.com]
      from: router@example.com
      smtp_url: "{smtp}"
      digest: {{every: 7d}}
  pager: {{pagerduty: {{routing_key: R0UT1NGKEY0000000000000000000000, url: "{url}"}}}}
rules:
  - {{name: all, events: ["*"], send_to: [tickets, pager, digest]}}
"""
TOKEN = "operator-token-of-the-test"


@asynccontextmanager
async def router_of(
    redis_url: Secret, folder: Path, url: str, smtp: str = "smtp://127.0.0.1:1"
) -> AsyncIterator[Any]:
    """Run a router whose destinations are at a URL; return a function that tests one of them."""
    RulesFolder(folder).write(all=RULES.format(url=url, smtp=smtp))
    settings = settings_for(redis_url, admin_token=Tokens.parse(f"alice={TOKEN}"))
    roles = Roles(port=0, ingress=True, worker=worker_of(folder, settings))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with running(settings, roles) as router, aiohttp.ClientSession(headers=headers) as http:

        async def ask(name: str) -> tuple[int, Any]:
            async with http.post(f"{router.url}/api/v1/destinations/{name}/test") as response:
                return response.status, await response.json()

        yield ask


async def test_a_message_arrives_and_the_books_balance(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with HttpSink() as sink, router_of(redis_url, tmp_path / "rules", sink.url) as ask:
        status, tested = await ask("tickets")
        assert (status, tested["outcome"], tested["status"]) == (200, "delivered", 200)
        (request,) = sink.requests
        assert "TEST: a message to tickets" in request.body.decode()
        assert "Sent by alice" in request.body.decode()
        status, refused = await ask("tickets")
        assert (status, refused["error"]["code"]) == (429, "too_early")

    books = await ledger.read(connection)
    assert (books.accepted, books.alerts) == (0, 0)
    tickets = books.destinations["tickets"]
    assert (tickets.opened, tickets.delivered, tickets.pending) == (1, 1, 0)
    await agree(connection)


async def test_a_message_that_is_refused_is_attempted_once_and_leaves_nothing(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    """Mutants: it is retried; its dead letter stays."""
    broken = HttpSink(otherwise=Reply(503, b"out of order"))
    async with broken, router_of(redis_url, tmp_path / "rules", broken.url) as ask:
        status, tested = await ask("tickets")
        assert (status, tested["outcome"], tested["status"]) == (200, "failed", 503)
        assert "503" in tested["reason"]
        assert tested["response"] == "out of order"

        async def is_dropped() -> bool:
            tickets = (await ledger.read(connection)).destinations["tickets"]
            return (tickets.discarded, tickets.dead, tickets.pending) == (1, 0, 0)

        await until(is_dropped)
        assert len(broken.requests) == 1
    await agree(connection)


async def test_an_incident_that_a_test_opens_is_resolved(redis_url: Secret, tmp_path: Path) -> None:
    accepted = HttpSink(otherwise=Reply(202, b"{}"))
    async with accepted, router_of(redis_url, tmp_path / "rules", accepted.url) as ask:
        status, tested = await ask("pager")
        assert (status, tested["outcome"]) == (200, "delivered")
        await accepted.receive(2)

    first, second = (each.json() for each in accepted.requests)
    assert (first["event_action"], second["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == second["dedup_key"]


async def test_a_message_does_not_wait_for_the_end_of_a_digest(
    redis_url: Secret, tmp_path: Path
) -> None:
    """Mutant: it is moved to the set of its window, which is sent within a week."""
    async with (
        SmtpSink() as sink,
        router_of(redis_url, tmp_path / "rules", "http://127.0.0.1:1", sink.url()) as ask,
    ):
        status, tested = await ask("digest")

    assert (status, tested["outcome"], len(sink.mails)) == (200, "delivered", 1)
    assert "TEST: a message to digest" in str(sink.mails[0].message())


async def test_without_a_worker_the_answer_says_so(connection: Connection, clock: Clock) -> None:
    tested = await send_test(connection, clock, "mail", "")

    assert (tested.outcome, tested.reason) == (
        "waiting",
        "no worker has this destination: start one with the rules that have it",
    )


@pytest.mark.parametrize(
    ("kind", "is_sent"),
    [(PauseKind.PAUSED, False), (PauseKind.DISABLED, False), (PauseKind.REFUSED, True)],
)
async def test_a_paused_destination_is_resumed_before_it_is_tested(
    connection: Connection, clock: Clock, kind: PauseKind, *, is_sent: bool
) -> None:
    await connection.redis.set(keys.health_check(keys.deliver_queue("mail")), "")
    await Pauses(connection).pause("mail", Pause(kind=kind, at=1.0))
    if not is_sent:
        with pytest.raises(BadRequestError, match="resume it, then test it"):
            await send_test(connection, clock, "mail", "", patience=0.0)
        return
    tested = await send_test(connection, clock, "mail", "", patience=0.0)
    assert "it is sent as the next trial" in tested.reason


async def test_the_messages_say_what_they_are(
    connection: Connection, clock: Clock, time: SetClock
) -> None:
    (alone,) = make_messages("mail", "", clock, is_resolved=False)
    assert (alone.alert.rule, lane_of(alone)) == ("test message", "")
    assert msgspec.json.decode(alone.alert.event)["type"] == "event-router.test"
    first, second = make_messages("mail", "{{ann}}", clock, is_resolved=True)
    assert lane_of(first) == lane_of(second) != ""
    assert second.alert.status is AlertStatus.RESOLVED
    assert "{" not in first.alert.summary  # a template, otherwise
    await AcknowledgementReceivers(connection, clock).register({"mail": True})
    await send_test(connection, clock, "mail", "")
    assert (await ledger.read(connection)).destinations["mail"].opened == 2
    assert time.now == first.alert.raised_at

"""A public URL with a router, with another server, or with nothing behind it."""

import pytest
from support.redis_servers import free_port
from support.running import running, settings_for
from support.sinks import HttpSink, Reply

from router.client import twilio_watch
from router.client.twilio_watch import IngressWatch
from router.clock import system_clock
from router.datatypes import Secret
from router.doctor.doctor_check import DoctorCheck, DoctorSection, Status
from router.doctor.url_checks import (
    called_url,
    is_callable,
    judge_form,
    judge_missing_url,
    judge_url,
    read_url_facts,
)
from router.ingress import source_record
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.build_environment import build_environment
from router.runtime.roles import Roles
from router.settings.model import Settings

TOKEN = Secret("0123456789abcdef0123456789abcdef")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_record, "INTERVAL", 0.05)
    monkeypatch.setattr(twilio_watch, "FLUSH_SECONDS", 0.5)


async def checks_of(
    url: str, settings: Settings, connection: Connection | None = None
) -> list[DoctorCheck]:
    environment = build_environment(settings, system_clock().now, print)
    watch = None if connection is None else IngressWatch(connection, system_clock(), "")
    facts = await read_url_facts(called_url(url, settings), settings, environment, watch)
    return judge_url(facts, settings, "--url")


def told(checks: list[DoctorCheck]) -> list[tuple[str, Status]]:
    return [(each.name, each.status) for each in checks]


async def test_a_good_signature_is_accepted_a_wrong_one_refused_and_nothing_is_stored(
    connection: Connection, redis_url: Secret
) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    async with running(settings, Roles(port=0, ingress=True)) as router:
        checks = await checks_of(router.url, settings, connection)

    assert told(checks) == [("signature", Status.OK), ("wrong signature", Status.OK)]
    assert (await ledger.read(connection)).accepted == 0


async def test_a_router_with_another_url_names_the_url_that_it_checks(
    connection: Connection, redis_url: Secret
) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    behind = settings_for(
        redis_url, twilio_auth_tokens=(TOKEN,), public_url="https://other.example.com"
    )
    async with running(behind, Roles(port=0, ingress=True)) as router:
        (check,) = await checks_of(router.url, settings, connection)

    assert (check.name, check.status) == ("wrong signature", Status.PROBLEM)
    assert "https://other.example.com/twilio" in check.message
    assert f"ROUTER_TWILIO_URL={router.url}/twilio" in check.fix


async def test_a_router_that_checks_no_signature_is_a_problem(redis_url: Secret) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    accepts = Reply(status=202, body=b'{"accepted":0,"quarantined":0}')
    async with HttpSink(otherwise=accepts) as sink:
        checks = await checks_of(sink.url, settings)

    assert ("wrong signature", Status.PROBLEM) in told(checks)


async def test_a_router_with_another_redis_is_told(
    connection: Connection, redis_url: Secret
) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    refuses = Reply(
        status=403,
        body=b'{"error":{"code":"wrong_signature","message":"the signature is wrong","path":""}}',
    )
    accepts = Reply(status=202, body=b'{"accepted":0,"quarantined":0}')
    async with HttpSink(accepts, otherwise=refuses) as sink:
        checks = await checks_of(sink.url, settings, connection)

    assert told(checks)[-1] == ("same Redis", Status.WARNING)


async def test_another_server_and_no_server_are_told(redis_url: Secret) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    async with HttpSink(otherwise=Reply(status=302, headers={"Location": "/login"})) as sink:
        (redirects,) = await checks_of(sink.url, settings)
    (away,) = await checks_of(sink.url, settings)

    assert redirects.name == "redirect"
    assert away.name == "no connection"
    assert "--no-probe" not in away.fix


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://router.example.com", Status.OK),
        ("http://router.example.com", Status.PROBLEM),
        ("https://10.0.0.7", Status.PROBLEM),
        ("https://router.internal/twilio", Status.PROBLEM),
    ],
)
def test_a_url_that_twilio_cannot_call_is_a_problem(url: str, status: Status) -> None:
    (check,) = judge_form(url, "ROUTER_PUBLIC_URL")

    assert (check.section, check.status) == (DoctorSection.URL, status)
    assert bool(check.fix) == (status is Status.PROBLEM)


def test_no_url_is_a_warning_only_if_something_needs_it(redis_url: Secret) -> None:
    (idle,) = judge_missing_url(Settings())
    (needed,) = judge_missing_url(settings_for(redis_url, twilio_auth_tokens=(TOKEN,)))

    assert (idle.status, needed.status) == (Status.OK, Status.WARNING)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://events.example.com/twilio", True),
        ("http://user:secret@127.0.0.1:8080/twilio", True),
        ("http://", False),
        ("http:///twilio", False),
        ("http://localhost:99999/twilio", False),
        ("ftp://events.example.com/twilio", False),
    ],
)
def test_a_request_can_be_sent_to_an_http_url_with_a_host(url: str, *, expected: bool) -> None:
    assert is_callable(url) is expected


async def test_no_check_has_user_and_password_of_the_url(redis_url: Secret) -> None:
    url = f"http://user:pass-word@127.0.0.1:{free_port()}/twilio"
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    checks = [*judge_form(url, "--url"), *await checks_of(url, settings)]
    assert len(checks) == 2
    assert "pass-word" not in str(checks)

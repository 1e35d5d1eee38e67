"""What the doctor says of destinations, all of them at once."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import trustme
from support.redis_servers import free_port
from support.sinks import HttpSink, TcpSink

from router.datatypes import Secret
from router.destinations.capture import CaptureConfig
from router.destinations.contract import Environment
from router.destinations.http_config import HttpConfig
from router.destinations.spec import DestinationSpec
from router.destinations.transport.reachability import Reach
from router.destinations.transport.receiver import Receiver
from router.doctor import destination_checks
from router.doctor.destination_checks import (
    ReachedReceiver,
    judge_destinations,
    reach_destinations,
)
from router.doctor.doctor_check import DoctorCheck, Status
from router.settings.choices import Egress

NOW = 1_800_000_000.0
HOOK = Receiver.of("https://hooks.example.com/x")


def spec(name: str, url: str) -> DestinationSpec:
    return DestinationSpec(name=name, kind="http", config=HttpConfig(url=Secret(url)))


def check_of(found: Reach, egress: Egress = Egress.OPEN) -> DoctorCheck:
    reached = {"hook": [ReachedReceiver(HOOK, found)]}
    (check,) = judge_destinations(
        [spec("hook", "https://x.example")], reached, egress, NOW, captures=False
    )
    return check


@pytest.fixture
def environment() -> Environment:
    return Environment(egress=Egress.OPEN, now=lambda: NOW, on_template_error=print)


@pytest.mark.parametrize(
    ("found", "status", "fix"),
    [
        (Reach(), Status.OK, ""),
        (Reach(certificate_ends=NOW + 60 * 86_400), Status.OK, ""),
        (
            Reach(certificate_ends=NOW + 5 * 86_400),
            Status.WARNING,
            "renew it, and see why that was not done by itself",
        ),
        (
            Reach(failure="TLS certificate expired"),
            Status.PROBLEM,
            "the receiver's operator must renew it",
        ),
        (
            Reach(failure="name not found"),
            Status.PROBLEM,
            "correct the host in its URL, or its record in the DNS",
        ),
        (
            Reach(failure="connection refused", by_proxy=True),
            Status.PROBLEM,
            "check ROUTER_PROXY, or proxy of the destination, and that the proxy runs",
        ),
        (
            Reach(failure="a word that is new"),
            Status.PROBLEM,
            "try it with curl from this machine, as the router's user",
        ),
    ],
)
def test_a_connection_is_judged(found: Reach, status: Status, fix: str) -> None:
    check = check_of(found)

    assert (check.status, check.fix) == (status, fix)
    assert check.message.startswith("hook (http): ")


def test_a_forbidden_address_names_the_policy() -> None:
    forbidden = Reach(failure="address not allowed by ROUTER_EGRESS")

    assert "ROUTER_EGRESS=open" in check_of(forbidden, Egress.PUBLIC).fix
    assert "link-local" in check_of(forbidden).fix


async def test_destinations_are_tried_at_once_and_each_is_told(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_checks, "_REACH_SECONDS", 0.5)

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    authority = trustme.CA()
    trusting, tls = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trusting)
    expired = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - OpenSSL reads the machine's clock
    authority.issue_cert("localhost", not_after=expired).configure_cert(tls)
    environment = msgspec.structs.replace(environment, tls=trusting)
    async with HttpSink() as well, HttpSink(tls=tls) as old, TcpSink(silent) as slow:
        slow_tls = slow.url.replace("http:", "https:")
        specs = [
            spec("well", well.url),
            spec("old", old.url),
            *(spec(f"slow-{number}", slow_tls) for number in range(6)),
            spec("closed", f"http://127.0.0.1:{free_port()}/"),
            DestinationSpec(name="seen", kind="capture", config=CaptureConfig()),
            DestinationSpec(name="unset", kind="http", config=None, missing_variables=("URL",)),
        ]
        async with asyncio.timeout(2):  # six that take half a second each
            reached = await reach_destinations(specs, environment)
    checks = judge_destinations(specs, reached, Egress.OPEN, NOW, captures=False)
    by_name = {each.name: each for each in checks}

    assert well.requests == []
    assert [each.status for each in checks] == [
        *(Status.OK, Status.PROBLEM, *[Status.PROBLEM] * 6),
        *(Status.PROBLEM, Status.OK, Status.SKIPPED),
    ]
    assert by_name["old"].message == f"old (http): localhost:{old.port}: TLS certificate expired"
    assert "timed out" in by_name["slow-0"].message


@pytest.mark.parametrize(("captures", "status"), [(True, Status.OK), (False, Status.SKIPPED)])
def test_router_dev_captures_what_has_no_credentials(captures: bool, status: Status) -> None:  # noqa: FBT001
    unset = DestinationSpec(name="unset", kind="http", config=None, missing_variables=("URL",))

    (check,) = judge_destinations([unset], {}, Egress.OPEN, NOW, captures=captures)

    assert check.status is status
    assert check.message.endswith(": URL not set")

"""A delivery, and the environment that destinations share."""

import ssl
import time as time_module
from collections.abc import Callable

import msgspec
import pytest
import trustme
from support.clock import SetClock
from support.events import alert_of, event_from

from router.alerts import Alert, AlertId, AlertKey, Delivery, Member, delivery_id
from router.destinations.contract import Environment, Links
from router.settings.choices import Egress


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts that authority and no other."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def template_errors() -> list[str]:
    return []


@pytest.fixture
def environment(
    time: SetClock, template_errors: list[str], trusting: ssl.SSLContext
) -> Environment:
    return Environment(
        egress=Egress.OPEN,
        now=lambda: time.now,
        on_template_error=template_errors.append,
        tls=trusting,
    )


@pytest.fixture
def alert(sample: bytes) -> Alert:
    """The alert of the shipped rule for Twilio's example with status ``summary_timeout``."""
    event = event_from(sample, status="summary_timeout", time="2026-03-01T10:00:00Z")
    return msgspec.structs.replace(
        alert_of(event, "conference-summary-timeout"),
        summary="Conference {{ data.friendly_name or data.conference_sid }} timed out",
        description="Twilio never saw the last participant leave.",
    )


@pytest.fixture
def delivery(alert: Alert) -> Delivery:
    return Delivery(id=delivery_id(alert.id, "here"), destination="here", alert=alert)


@pytest.fixture
def full(delivery: Delivery) -> Delivery:
    """A delivery with everything that a message can show."""
    summaries = [
        "Daily Stand-up ended with 4 quality issues",
        "Owl & <Sons> support call",
        "Board call",
    ]
    members = tuple(
        Member(
            id=AlertId(f"al_{number}"),
            event_id=f"NO{number}",
            raised_at=delivery.alert.raised_at - 60 * number,
            summary=summary,
        )
        for number, summary in enumerate(summaries, 1)
    )
    alert = msgspec.structs.replace(
        delivery.alert,
        key=AlertKey("ak_0123456789abcdef01234567"),
        labels={"team": "voice", "tier": "gold"},
        count=5,
        held_back=1,
        members=members,
        grouped=14,
        escalation=1,
        since=delivery.alert.raised_at - 7800,
        held_because=("muted", "cooldown"),
    )
    return msgspec.structs.replace(delivery, alert=alert)


@pytest.fixture
def linked(environment: Environment) -> Environment:
    """As environment, with links for every alert."""
    links = Links(
        acknowledge="https://router.example.com/alerts/acknowledge?s=1&t=2",
        silence="https://router.example.com/alerts/silence?s=1&t=2",
        show="https://router.example.com/alerts/1",
    )
    return msgspec.structs.replace(environment, links=lambda _: links)


@pytest.fixture
def wall_clock() -> Callable[[], float]:
    """The real time, for oracles that read the system clock."""
    return time_module.time  # noqa: TID251 - the oracle reads this clock


@pytest.fixture(scope="session")
def stranger() -> ssl.SSLContext:
    """Trusts another authority than the test servers have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trustme.CA().configure_trust(context)
    return context

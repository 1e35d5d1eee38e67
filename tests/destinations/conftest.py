"""A delivery to make, and what destinations share."""

import ssl
import time as time_module
from collections.abc import Callable

import msgspec
import pytest
import trustme
from support.clock import SetClock
from support.events import alert_of, event_from

from router.alerts import Alert, Delivery, delivery_id
from router.destinations import Environment
from router.settings import Egress


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
    """What the shipped rule raises for Twilio's example, timed out."""
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
def wall_clock() -> Callable[[], float]:
    """The time it is, for those who compare with the time it is."""
    return time_module.time  # noqa: TID251 - the oracle reads this clock


@pytest.fixture(scope="session")
def stranger() -> ssl.SSLContext:
    """Trusts another authority than the test servers have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trustme.CA().configure_trust(context)
    return context

"""Signed links: what one allows, and that none can be forged."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import alert_of, event_from

from router.alerts import Alert, AlertKey
from router.api.signed_links import InvalidLink, LinkSigner, LinkToken, Scope, link_signer
from router.datatypes import Secret
from router.destinations.contract import Links
from router.settings.model import Settings

SECRET = Secret("0123456789abcdef")
URL = "https://router.example.com"
NOW = 1_700_000_000.0


def make(url: str = URL, secret: Secret = SECRET) -> LinkSigner:
    return LinkSigner(secret, url, lifetime=3600.0)


@pytest.fixture
def alert(sample: bytes) -> Alert:
    return msgspec.structs.replace(alert_of(event_from(sample)), key=AlertKey("ak_1"))


def ticket_of(link: str) -> str:
    return link.partition("/alerts/")[2]


def test_a_link_names_the_alerts_the_scope_and_the_time(alert: Alert) -> None:
    links = make().links(alert)

    assert make().read(ticket_of(links.acknowledge), now=NOW) == LinkToken(
        Scope.ACKNOWLEDGE, AlertKey("ak_1"), "some-rule", 1_700_000_000, 1_700_003_600
    )
    silence = make().read(ticket_of(links.silence), now=NOW)
    assert isinstance(silence, LinkToken)
    assert silence.scope is Scope.SILENCE


def test_every_attempt_has_the_same_links(alert: Alert) -> None:
    assert make().links(alert) == make().links(alert)


@pytest.mark.fault_row(29)
def test_a_link_expires(alert: Alert) -> None:
    """Mutant: a link is valid at the second of its end, too."""
    ticket = ticket_of(make().links(alert).acknowledge)

    assert isinstance(make().read(ticket, now=NOW + 3599), LinkToken)
    assert make().read(ticket, now=NOW + 3600) is InvalidLink.EXPIRED


def test_a_link_of_another_secret_is_rejected(alert: Alert) -> None:
    other = make(secret=Secret("another secret of 16 and more")).links(alert)

    assert make().read(ticket_of(other.acknowledge), now=NOW) is InvalidLink.FORGED


@pytest.mark.parametrize(
    "ticket", ["", ".", "x", "a.b", "é.ü", "=.=", ".." * 500, "A" * 5000 + ".A", "\x00.\x00"]
)
def test_a_malformed_token_is_rejected(ticket: str) -> None:
    assert make().read(ticket, now=NOW) is InvalidLink.FORGED


@given(st.data())
def test_no_letter_of_a_link_can_be_changed(data: st.DataObject) -> None:
    ticket = ticket_of(make()._link(_ALERT, Scope.ACKNOWLEDGE))
    place = data.draw(st.integers(0, len(ticket) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-_.=+/ é"))
    changed = ticket[:place] + letter + ticket[place + 1 :]

    expected = make().read(ticket, now=NOW) if changed == ticket else InvalidLink.FORGED
    assert make().read(changed, now=NOW) == expected


@pytest.mark.parametrize(
    ("public_url", "begins"),
    [
        ("https://router.example.com", "https://router.example.com/alerts/"),
        ("https://example.com/router/", "https://example.com/router/alerts/"),
        ("https://example.com/router/twilio", "https://example.com/router/alerts/"),
        ("https://twilio", "https://twilio/alerts/"),
    ],
)
def test_links_are_below_the_public_url(alert: Alert, public_url: str, begins: str) -> None:
    assert make(public_url).links(alert).acknowledge.startswith(begins)


def test_an_alert_without_a_key_has_no_links(sample: bytes) -> None:
    assert make().links(alert_of(event_from(sample))) == Links()


def test_links_need_a_secret_and_a_public_url() -> None:
    assert link_signer(Settings(link_secret=SECRET)) is None
    assert link_signer(Settings(public_url=URL)) is None
    assert link_signer(Settings(link_secret=SECRET, public_url=URL)) is not None


_ALERT = msgspec.structs.replace(
    alert_of(event_from(b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{}}')),
    key=AlertKey("ak_1"),
)

"""The URL of a sink: what Twilio can call, and when two URLs are the same place."""

import pytest

from router.client.twilio_urls import (
    configured_sink_url,
    is_same_place,
    sink_url,
    with_credentials,
)
from router.datatypes import Secret
from router.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://events.example.com", "https://events.example.com/twilio"),
        ("https://events.example.com/", "https://events.example.com/twilio"),
        ("https://events.example.com/twilio", "https://events.example.com/twilio"),
        ("https://example.com/hooks/twilio/", "https://example.com/hooks/twilio/"),
        ("https://events.example.com:8443", "https://events.example.com:8443/twilio"),
        ("https://example.com/twilio?tenant=1", "https://example.com/twilio?tenant=1"),
        ("HTTPS://Events.example.com", "https://Events.example.com/twilio"),
        ("https://8.8.8.8", "https://8.8.8.8/twilio"),
        ("https://[2606:4700::1111]", "https://[2606:4700::1111]/twilio"),
    ],
)
def test_a_url_without_a_path_gets_that_of_the_endpoint(given: str, url: str) -> None:
    assert sink_url(given) == url


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("events.example.com", "is not a URL"),
        ("ftp://events.example.com", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://events.example.com:0", "is not a URL"),
        ("https://events.example.com:99999", "is not a URL"),
        ("https://events example.com", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("http://events.example.com", "begins with http://"),
        ("http://127.0.0.1:8080", "begins with http://"),
        ("https://user:secret@events.example.com", "without user and password"),
        ("https://events.example.com#rc=2", "connection overrides"),
        ("https://127.0.0.1:8080", "an address of a private network"),
        ("https://[::1]", "an address of a private network"),
        ("https://192.168.1.5", "an address of a private network"),
        ("https://100.64.0.1", "an address of a private network"),
        ("https://169.254.169.254", "an address of a private network"),
        ("https://localhost", "a name of a private network"),
        ("https://router", "a name of a private network"),
        ("https://router.corp.", "a name of a private network"),
        ("https://router.local", "a name of a private network"),
        ("https://router.home.arpa", "a name of a private network"),
    ],
)
def test_a_url_that_twilio_could_not_call_is_rejected(given: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as raised:
        sink_url(given, name="ROUTER_PUBLIC_URL")

    assert str(raised.value).startswith("ROUTER_PUBLIC_URL ")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("given", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"])
def test_a_trial_may_use_this_machine(given: str) -> None:
    assert sink_url(given, is_trial=True) == f"{given}/twilio"


def test_a_trial_may_use_no_other_private_address() -> None:
    with pytest.raises(ConfigurationError, match="private network"):
        sink_url("https://10.0.0.1", is_trial=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example.com/twilio", "https://a.example.com/twilio", True),
        ("https://a.example.com/twilio", "https://A.example.com:443/twilio", True),
        ("https://a.example.com/twilio", "https://user:pass@a.example.com/twilio", True),
        ("https://a.example.com", "https://a.example.com/", True),
        ("https://a.example.com/twilio", "https://a.example.com./twilio", True),
        ("https://a.example.com/twilio", "https://a.example.com/twilio/", False),
        ("https://a.example.com/twilio", "http://a.example.com/twilio", False),
        ("https://a.example.com/twilio", "https://a.example.com:8443/twilio", False),
        ("https://a.example.com/twilio", "https://a.example.com/Twilio", False),
        ("https://a.example.com/twilio", "https://a.example.com/twilio?a=1", False),
        ("https://a.example.com/twilio", "https://b.example.com/twilio", False),
        ("https://a.example.com/twilio", "", False),
        ("", "", False),
        ("https://a.example.com:x/", "https://a.example.com:x/", False),
    ],
)
def test_two_urls_are_the_same_place(one: str, other: str, *, same: bool) -> None:
    assert is_same_place(one, other) is same
    assert is_same_place(other, one) is same


def test_credentials_are_encoded() -> None:
    url = with_credentials("https://example.com:8443/twilio", Secret("a user:p@ss:w/rd"))

    assert url == "https://a%20user:p%40ss%3Aw%2Frd@example.com:8443/twilio"
    assert with_credentials("https://example.com", None) == "https://example.com"


@pytest.mark.parametrize(
    ("public_url", "twilio_url", "url"),
    [
        ("", "", ""),
        ("https://example.com", "", "https://example.com/twilio"),
        ("https://example.com/hooks", "", "https://example.com/hooks/twilio"),
        ("https://example.com/hooks/twilio", "", "https://example.com/hooks/twilio"),
        ("https://example.com", "https://sink.example.com/x", "https://sink.example.com/x"),
    ],
)
def test_the_settings_have_a_url(public_url: str, twilio_url: str, url: str) -> None:
    assert configured_sink_url(public_url, twilio_url) == url

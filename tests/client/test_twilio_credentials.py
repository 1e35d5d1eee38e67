"""Credentials and hosts of Twilio's API, by the variables that Twilio's CLI reads."""

import pytest

from router.client.twilio_credentials import read_credentials, read_hosts
from router.errors import ConfigurationError

ACCOUNT = "AC" + "1" * 32
KEY = "SK" + "2" * 32
ALL = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "the-token",
    "TWILIO_API_KEY": KEY,
    "TWILIO_API_SECRET": "the-secret",
}


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ALL.items() if name not in names}


@pytest.mark.parametrize(
    ("environ", "user", "password", "account", "has_token"),
    [
        (ALL, KEY, "the-secret", ACCOUNT, True),  # the key first, as Twilio's CLI does
        (without("TWILIO_API_KEY", "TWILIO_API_SECRET"), ACCOUNT, "the-token", ACCOUNT, True),
        (without("TWILIO_AUTH_TOKEN"), KEY, "the-secret", ACCOUNT, False),
        (without("TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"), KEY, "the-secret", "", False),
        ({**ALL, "TWILIO_API_KEY": f" {KEY}\n"}, KEY, "the-secret", ACCOUNT, True),
    ],
)
def test_credentials_are_those_of_twilios_cli(
    environ: dict[str, str], user: str, password: str, account: str, *, has_token: bool
) -> None:
    found = read_credentials(environ)

    assert (found.user, found.password.reveal(), found.account_sid) == (user, password, account)
    assert (found.auth_token is not None) is has_token


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "TWILIO_ACCOUNT_SID is not set: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or"),
        ({"TWILIO_ACCOUNT_SID": ACCOUNT}, "TWILIO_AUTH_TOKEN is not set"),
        ({"TWILIO_AUTH_TOKEN": "the-token"}, "TWILIO_ACCOUNT_SID is not set"),
        (without("TWILIO_API_SECRET"), "TWILIO_API_SECRET is not set: an API key has"),
        (without("TWILIO_API_KEY"), "TWILIO_API_KEY is not set: an API key has"),
        ({**ALL, "TWILIO_ACCOUNT_SID": "the-token"}, "TWILIO_ACCOUNT_SID is not the SID"),
        ({**ALL, "TWILIO_API_KEY": "the-secret"}, "TWILIO_API_KEY is not the SID of an API key"),
    ],
)
def test_what_is_missing_is_named_and_no_secret_is_shown(
    environ: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason) as raised:
        read_credentials(environ)

    assert "the-" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "gateway", "events"),
    [
        ({}, "", "https://events.twilio.com"),
        ({"TWILIO_REGION": "ie1"}, "", "https://events.ie1.twilio.com"),
        ({"TWILIO_EDGE": "dublin"}, "", "https://events.dublin.us1.twilio.com"),
        (
            {"TWILIO_EDGE": "Sydney", "TWILIO_REGION": "au1"},
            "",
            "https://events.sydney.au1.twilio.com",
        ),
        (
            {"TWILIO_REGION": "ie1"},
            "https://gateway.example.com/t/",
            "https://gateway.example.com/t",
        ),
        ({}, "http://127.0.0.1:8090", "http://127.0.0.1:8090"),
    ],
)
def test_the_host_follows_region_edge_and_gateway(
    environ: dict[str, str], gateway: str, events: str
) -> None:
    hosts = read_hosts(environ, gateway)

    assert hosts.events == events
    assert hosts.monitor == (events if gateway else events.replace("//events", "//monitor"))
    assert hosts.is_local is gateway.startswith("http://127")


@pytest.mark.parametrize(
    ("environ", "gateway", "reason"),
    [
        ({"TWILIO_REGION": "ie1.evil.example/"}, "", "TWILIO_REGION is 'ie1.evil.example/'"),
        ({"TWILIO_EDGE": "a@b"}, "", "TWILIO_EDGE is 'a@b'"),
        ({}, "http://gateway.example.com", "ROUTER_TWILIO_API must begin with https://"),
    ],
)
def test_no_other_host_gets_the_credentials(
    environ: dict[str, str], gateway: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        read_hosts(environ, gateway)

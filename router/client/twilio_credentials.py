"""The address of Twilio's API and its credentials, by the variables that Twilio's CLI reads (pure).

============================  ========================================================================
``TWILIO_ACCOUNT_SID``        the account, AC…
``TWILIO_AUTH_TOKEN``         its auth token
``TWILIO_API_KEY``            instead of the token: an API key, SK…, which takes precedence
``TWILIO_API_SECRET``         its secret
``TWILIO_REGION``             the region that holds the data, such as ie1; default us1
``TWILIO_EDGE``               the place at which requests enter Twilio's network, such as dublin
============================  ========================================================================

``ROUTER_TWILIO_API`` is the URL of a gateway in front of the API, in a network from which Twilio cannot
be reached. It serves the paths of both hosts: those of Event Streams and those of the Debugger.

Source: Twilio's CLI, "Profiles" and "Regional"; the file src/services/config.js of twilio-cli-core for
the precedence; the function get_hostname of twilio-python for the order of edge and region in a host.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from router.datatypes import Secret
from router.errors import ConfigurationError
from router.settings.model import is_loopback

_LABEL: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DEFAULT_REGION: Final = "us1"
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_KEY: Final = re.compile(r"SK[0-9a-fA-F]{32}")
_HOW: Final = (
    "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET"
    " (Twilio's console shows them under Account, API keys & tokens)"
)


class TwilioCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """User and password of requests to Twilio's API."""

    user: str
    """The SID of the account or of the API key."""
    password: Secret
    account_sid: str = ""
    """The account; ``""`` if only an API key is set."""
    auth_token: Secret | None = None
    """The account's auth token, which signs requests to sinks; None if it is not set."""


class TwilioHosts(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs of the two APIs, without a slash at the end."""

    events: str
    """Event Streams: types, sinks, subscriptions."""
    monitor: str
    """The Debugger's alerts."""

    @property
    def is_local(self) -> bool:
        """Whether the API is a server on this machine, as in a trial without Twilio."""
        return is_loopback(urlsplit(self.events).hostname or "")


def read_credentials(environ: Mapping[str, str]) -> TwilioCredentials:
    """Return the credentials for Twilio's API.

    Raises:
        ConfigurationError: One is missing or cannot be what it should be. The message has no secret.
    """
    account, token, key, secret = (
        environ.get(name, "").strip()
        for name in (
            "TWILIO_ACCOUNT_SID",
            "TWILIO_AUTH_TOKEN",
            "TWILIO_API_KEY",
            "TWILIO_API_SECRET",
        )
    )
    if account and not _ACCOUNT.fullmatch(account):
        raise ConfigurationError(
            "TWILIO_ACCOUNT_SID is not the SID of an account: AC and 32 hexadecimal digits"
        )
    auth_token = Secret(token) if token else None
    if key or secret:
        if not (key and secret):
            missing = "TWILIO_API_SECRET" if key else "TWILIO_API_KEY"
            raise ConfigurationError(f"{missing} is not set: an API key has a SID and a secret")
        if not _KEY.fullmatch(key):
            raise ConfigurationError(
                "TWILIO_API_KEY is not the SID of an API key: SK and 32 hexadecimal digits"
            )
        return TwilioCredentials(
            user=key, password=Secret(secret), account_sid=account, auth_token=auth_token
        )
    if auth_token is None or not account:
        missing = "TWILIO_AUTH_TOKEN" if account else "TWILIO_ACCOUNT_SID"
        raise ConfigurationError(f"{missing} is not set: {_HOW}")
    return TwilioCredentials(
        user=account, password=auth_token, account_sid=account, auth_token=auth_token
    )


def read_hosts(environ: Mapping[str, str], gateway: str) -> TwilioHosts:
    """Return the URLs of Twilio's APIs.

    Args:
        environ: The environment.
        gateway: The setting ROUTER_TWILIO_API; ``""`` for Twilio's own hosts.

    Raises:
        ConfigurationError: A variable is wrong.
    """
    if gateway:
        url = gateway.rstrip("/")
        hosts = TwilioHosts(events=url, monitor=url)
        if not url.startswith("https://") and not hosts.is_local:
            raise ConfigurationError(
                "ROUTER_TWILIO_API must begin with https://, because requests to it carry the"
                " credentials of your Twilio account"
            )
        return hosts
    edge, region = (
        _label(name, environ.get(name, "").strip().lower())
        for name in ("TWILIO_EDGE", "TWILIO_REGION")
    )
    if edge and not region:
        region = _DEFAULT_REGION
    middle = "".join(f".{part}" for part in (edge, region) if part)
    return TwilioHosts(
        events=f"https://events{middle}.twilio.com", monitor=f"https://monitor{middle}.twilio.com"
    )


def _label(name: str, text: str) -> str:
    """Return a part of a host name. Raises ConfigurationError, so that no other host gets secrets."""
    if text and not _LABEL.fullmatch(text):
        raise ConfigurationError(
            f"{name} is {text[:40]!r}, expected a name such as"
            f" {'dublin' if name == 'TWILIO_EDGE' else 'ie1'}"
        )
    return text

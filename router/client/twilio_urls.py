"""The URL of a Twilio sink: what Twilio can call, and when two URLs are the same place (pure)."""

import ipaddress
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from router.client.send import has_credentials, without_secrets
from router.datatypes import Secret, parse_address
from router.errors import ConfigurationError
from router.sources.twilio_signature import called_urls

SINK_PATH: Final = "/twilio"
TWILIO_ADDRESSES: Final = "35.90.102.128/25"
"""The addresses from which Twilio calls sinks. Source: Twilio, "Webhook Quickstart", Security."""
_EXAMPLE: Final = "https://events.example.com/twilio"
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# RFC 6761, RFC 6762, RFC 8375, ICANN's reservation of .internal; "lan" and "corp" are never delegated.
_PRIVATE_DOMAINS: Final = ("localhost", "local", "internal", "home.arpa", "lan", "corp", "intranet")


def sink_url(text: str, *, name: str = "--url", is_trial: bool = False) -> str:
    """Return the URL that a sink gets: ``text``, with the path ``/twilio`` if it has none.

    Args:
        text: The URL of the router or of its endpoint, as Twilio is to call it.
        name: The option or setting that has it.
        is_trial: Whether the API is a server on this machine, which can call this machine.

    Raises:
        ConfigurationError: Twilio could not call it. The message is without user and password.
    """
    shown = without_secrets(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError(f"{name} {shown} is not a URL: write {_EXAMPLE}") from None
    is_local = is_trial and (host == "localhost" or _is_loopback(host))
    _check_scheme(parts, f"{name} {shown}", is_local=is_local)
    if has_credentials(text):
        raise ConfigurationError(
            f"{name} {shown}: write it without user and password, which others see in the list of"
            " processes: connect puts the first of ROUTER_TWILIO_BASIC_AUTH into the sink's URL"
        )
    if parts.fragment:
        raise ConfigurationError(
            f"{name} {shown}: remove #{parts.fragment[:40]}: connection overrides are not supported"
            " by Event Streams"
        )
    if port == 0 or any(letter.isspace() for letter in text):
        raise ConfigurationError(f"{name} {shown} is not a URL: write {_EXAMPLE}")
    if not is_local and (reason := _unreachable(host)):
        raise ConfigurationError(
            f"{name} {shown}: {host} {reason}, and Twilio calls from the internet: write the public"
            " name of the router, of the proxy in front of it, or of a tunnel"
        )
    path = SINK_PATH if parts.path in {"", "/"} else parts.path
    return urlunsplit((parts.scheme.lower(), parts.netloc, path, parts.query, ""))


def configured_sink_url(public_url: str, twilio_url: str) -> str:
    """Return the URL of the sink by ROUTER_TWILIO_URL or ROUTER_PUBLIC_URL; ``""`` without both."""
    if not (public_url or twilio_url):
        return ""
    return called_urls(public_url, SINK_PATH, twilio_url)[0]


def with_credentials(url: str, credentials: Secret | None) -> str:
    """Return the URL with ``user:password``, as Twilio takes HTTP Basic credentials for a sink."""
    if credentials is None:
        return url
    parts = urlsplit(url)
    user, _, password = credentials.reveal().partition(":")
    written = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{written}@{parts.netloc}"))


def is_same_place(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same place: user, password and default ports do not count."""
    return _place(one) == _place(other) != ()


def _place(url: str) -> tuple[object, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return ()
    if not parts.hostname:
        return ()
    return (parts.scheme, parts.hostname.rstrip("."), port, parts.path or "/", parts.query)


def _check_scheme(parts: SplitResult, shown: str, *, is_local: bool) -> None:
    if not parts.hostname:
        raise ConfigurationError(f"{shown} is not a URL: write {_EXAMPLE}")
    if parts.scheme == "http" and not is_local:
        raise ConfigurationError(
            f"{shown} begins with http://: events, and the password of the sink, would cross"
            " the internet unencrypted: write https://"
        )
    if parts.scheme not in {"https", "http"}:
        raise ConfigurationError(f"{shown} is not a URL: write {_EXAMPLE}")


def _unreachable(host: str) -> str:
    """Return why a host cannot be reached from the internet; ``""`` if it may be."""
    address = parse_address(host)
    if address is not None:
        return "" if address.is_global else "is an address of a private network"
    name = host.rstrip(".").lower()
    if "." not in name or name.rpartition(".")[2] in _PRIVATE_DOMAINS or name.endswith("home.arpa"):
        return "is a name of a private network"
    return ""


def is_private_address(text: str) -> bool:
    """Return whether a text is an address that the internet does not reach."""
    address = parse_address(text)
    return address is not None and not address.is_global


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

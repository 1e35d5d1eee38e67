"""How a configuration names a mail server, and how this machine names itself to it."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from router.datatypes import Secret
from router.destinations.transport import egress

_PORTS: Final = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_FULL_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LITERAL: Final = re.compile(r"\[(?P<six>IPv6:)?(?P<address>[0-9A-Fa-f:.]+)\]")


class SmtpServer(msgspec.Struct, frozen=True):
    """A mail server, and how to log in."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte."""
    starttls: bool
    """TLS by STARTTLS before the login; without it nothing is sent."""
    user: str
    password: Secret

    @property
    def is_private(self) -> bool:
        """Whether what is sent is encrypted, or does not leave this machine."""
        return self.tls or self.starttls or egress.is_loopback(self.host)


def parse_url(url: Secret) -> SmtpServer:
    """Return the server of an ``smtp_url``.

    Raises:
        ValueError: The URL is not valid. The message is without the URL.
    """
    try:
        parts = urlsplit(url.reveal())
        port = parts.port
    except ValueError:
        raise ValueError("smtp_url is not a URL, or its port is not a number") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(
            "smtp_url must be smtp://, smtps:// or smtp+starttls://, then"
            " [user:password@]host[:port]"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "smtp_url must end after the port; write %2F, %3F, %23 for / ? # before it"
        )
    server = SmtpServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        parts.scheme == "smtp+starttls",
        unquote(parts.username or ""),
        Secret(unquote(parts.password or "")),
    )
    if server.user and not server.is_private:
        raise ValueError(
            "smtp_url would send the password in clear text, use smtp+starttls:// or smtps://"
        )
    return server


def check_hello(name: str) -> None:
    """Check a name for EHLO (RFC 5321, section 4.1.4).

    Raises:
        ValueError: It is neither a full domain name nor an address in brackets.
    """
    literal = _LITERAL.fullmatch(name)
    try:
        if literal:
            address = ipaddress.ip_address(literal["address"])
            if (address.version == 6) == bool(literal["six"]):
                return
    except ValueError:
        pass
    # No top-level domain is a number (RFC 3696, section 2), so that would be an address.
    if not _FULL_NAME.fullmatch(name) or len(name) > 253 or name.rpartition(".")[2].isdigit():
        raise ValueError(
            f"hello: {name!r} is not a full host name, write for example router.example.com"
            " or an address in brackets: [192.0.2.1], [IPv6:2001:db8::1]"
        )


def own_names(hello: str, address: str) -> Sequence[str]:
    """Return the names for EHLO, to be tried in this order.

    Args:
        hello: The configured name; ``""`` if there is none.
        address: The local address of the connection.
    """
    if hello:
        return [hello]
    # Not getfqdn(), because it asks the name server and has no deadline. Servers reject a bare host
    # name, and one that they cannot look up; none can object to the address.
    name = socket.gethostname()
    return [*([name] if _FULL_NAME.fullmatch(name) else []), _literal(address)]


def _literal(address: str) -> str:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped is not None:
        return f"[{mapped}]"
    return f"[{parsed}]" if parsed.version == 4 else f"[IPv6:{parsed}]"

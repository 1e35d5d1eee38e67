"""The hosts that are reached without a proxy, as ``NO_PROXY`` lists them (pure).

There is no standard; this is what curl, Go and Python's requests agree on, and what most of them do:

====================  ============================================================
``example.com``       this host and its subdomains
``.example.com``      the same, and so is ``*.example.com``
``example.com:8443``  the same at this port only
``192.0.2.7``         this address, if a URL has it as its host
``10.0.0.0/8``        the addresses of a network, likewise
``*``                 all hosts
====================  ============================================================

Names are compared, not resolved. Entries are separated by commas or spaces.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Final

_SEPARATOR: Final = re.compile(r"[\s,]+")
_PORT: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
_NAME: Final = re.compile(r"[^\s,/:@\[\]*]+")


class NoProxy(tuple[str, ...]):
    """The entries of ``NO_PROXY``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "NoProxy":
        """Return the entries of a list; one that can match no host is kept and ignored."""
        return cls(entry for entry in _SEPARATOR.split(text) if entry)

    def covers(self, host: str, port: int) -> bool:
        """Return whether a host is reached without a proxy.

        Args:
            host: A name or an address, as a URL has it.
            port: Its port.
        """
        plain = _ascii(host.strip("[]").rstrip(".").lower())
        return any(_matches(plain, port, entry) for entry in self)


def check_no_proxy(text: str) -> None:
    """Raise ValueError for a list with an entry that can match no host."""
    for entry in NoProxy.parse(text):
        host, _ = _split(entry)
        is_name = _NAME.fullmatch(host.removeprefix("*").lstrip("."))
        if not (host == "*" or is_name or _network_contains(host, None) is not None):
            raise ValueError(
                f"has {entry[:80]!r}, write hosts, domains or networks with commas between them,"
                " for example localhost, .example.com, 10.0.0.0/8"
            )


def _matches(host: str, port: int, entry: str) -> bool:
    wanted, wanted_port = _split(entry)
    if wanted_port not in {None, port}:
        return False
    if wanted == "*":
        return True
    contains = _network_contains(wanted, host)
    if contains is not None:
        return contains
    name = _ascii(wanted.removeprefix("*").strip(".").lower())
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, int | None]:
    """Return the host of an entry, without brackets, and its port if it has one."""
    found = _PORT.fullmatch(entry)
    host = found["host"] if found else entry
    return host.removeprefix("[").removesuffix("]"), int(found["port"]) if found else None


def _network_contains(network: str, host: str | None) -> bool | None:
    """Return whether ``host`` is an address in ``network``; None if that is neither."""
    try:
        within = ip_network(network, strict=False)
    except ValueError:
        return None
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.version == within.version and address in within


def _ascii(name: str) -> str:
    """Return a name as the DNS has it."""
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name

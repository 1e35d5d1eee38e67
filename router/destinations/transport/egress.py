"""The egress policy: destinations connect to allowed addresses only.

A check of the URL, or of what a name resolves to before connecting, can be evaded: by a name that
resolves to another address a moment later (DNS rebinding), by other spellings of an address
(``0x7f.1``, ``[::ffff:127.0.0.1]``), by a redirect. The check is therefore made in the factory of
the socket for one numeric address, which then connects to that address and no other. aiohttp calls
the factory for names and for literal addresses alike.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from router.destinations.transport.name_resolver import AddressInfo, NameResolver
from router.settings.choices import Egress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Besides the link-local 169.254.169.254 that most clouds use. Sources: the clouds' pages on
# instance metadata (AWS and Google over IPv6, Alibaba Cloud) and Azure's page on its "WireServer".
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_CHECK_SECONDS: Final = 2.0
"""How long the check of a host behind a proxy waits for its name."""


class EgressDeniedError(OSError):
    """Raised when ROUTER_EGRESS forbids an address. No socket was made."""


def is_denied(address: str, egress: Egress) -> bool:
    """Return whether ``egress`` forbids connections to a numeric address."""
    parsed = _unwrap(ipaddress.ip_address(address))
    if parsed.is_link_local or parsed in _METADATA:
        return True
    return egress is Egress.PUBLIC and not _is_public(parsed)


def is_loopback(host: str) -> bool:
    """Return whether a host, as written in a URL, is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connector(
    egress: Egress,
    limit: int,
    *,
    resolver: AbstractResolver,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.TCPConnector:
    """Return an aiohttp connector that connects to no forbidden address.

    Args:
        egress: The policy.
        limit: The most connections at once.
        resolver: Resolves names, and keeps the results.
        tls: The TLS context; None for aiohttp's default.
    """
    return aiohttp.TCPConnector(
        limit=limit,
        ssl=tls or True,
        resolver=resolver,
        use_dns_cache=False,
        socket_factory=functools.partial(_make_socket, egress),
    )


async def check_behind_proxy(host: str, port: int, egress: Egress, *, names: NameResolver) -> None:
    """Check a host to which a proxy makes the connection, as far as that is possible here.

    A name that only the proxy resolves, or resolves to another address, is left to the proxy. So is
    one that is not resolved here within two seconds, because the network behind a proxy may have a
    name server that answers nothing about hosts outside of it.

    Args:
        host: The host.
        port: Its port.
        egress: The policy.
        names: Resolves the host.

    Raises:
        EgressDeniedError: The host is, or resolves here to, a forbidden address.
    """
    try:
        found = await names.resolve(host, port, seconds=_CHECK_SECONDS)
    except socket.gaierror:
        return
    if any(is_denied(str(address[4][0]), egress) for address in found):
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")


async def connect(
    host: str, port: int, egress: Egress, *, names: NameResolver, seconds: float
) -> socket.socket:
    """Return a connected socket, for libraries without a connector of their own.

    The addresses of ``host`` are tried one after the other. Each gets an equal share of the time
    that is left, so that one that does not answer leaves time for the others.

    Args:
        host: A name or an address.
        port: The port.
        egress: The policy.
        names: Resolves the host.
        seconds: The longest time for all of it.

    Raises:
        EgressDeniedError: The last address tried is forbidden.
        OSError: The last address tried did not accept the connection, or there is none.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    failure: OSError = OSError(f"{host} has no address")
    found = await names.resolve(host, port, seconds=seconds)
    for number, each in enumerate(found):
        share = (until - loop.time()) / (len(found) - number)
        try:
            async with asyncio.timeout(share):
                return await _connect_to(each, egress)
        except OSError as error:
            failure = error
    raise failure


async def _connect_to(found: AddressInfo, egress: Egress) -> socket.socket:
    made = _make_socket(egress, found)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, found[4])
    except BaseException:
        made.close()
        raise
    return made


def _make_socket(egress: Egress, found: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = found
    if is_denied(address[0], egress):
        # Without the address, because aiohttp joins differing messages into an error of another
        # type.
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")
    return socket.socket(family, kind, protocol)


def _unwrap(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 address embeds, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    # ::1 and :: lie in ::/96 too, but embed no IPv4 address.
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved

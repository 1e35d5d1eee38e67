"""Where destinations may connect to, checked on the address of each connection.

A check on the URL, or on what a name resolves to before the connection is made, can be passed: by
a name that resolves to something else a moment later (DNS rebinding), by other spellings of an
address (``0x7f.1``, ``[::ffff:127.0.0.1]``), by a redirect. So the check stands where no spelling
is left: in the factory that makes the socket for one numeric address, which then connects to
that address and no other. aiohttp calls it for names and for literal addresses alike.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from router.settings.model import Egress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]

# Besides the link-local 169.254.169.254 that most clouds use. Sources: the clouds' own pages on
# instance metadata (AWS and Google over IPv6, Alibaba Cloud) and Azure's on its "WireServer".
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class EgressDeniedError(OSError):
    """The address is one that ROUTER_EGRESS forbids. No socket was made."""


def is_denied(address: str, egress: Egress) -> bool:
    """Whether a connection to this numeric address is forbidden."""
    parsed = _unwrap(ipaddress.ip_address(address))
    if parsed.is_link_local or parsed in _METADATA:
        return True
    return egress is Egress.PUBLIC and not _is_public(parsed)


def is_loopback(host: str) -> bool:
    """Whether a host, as written in a URL, is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connector(
    egress: Egress,
    limit: int,
    *,
    tls: ssl.SSLContext | None = None,
    resolver: AbstractResolver | None = None,
) -> aiohttp.TCPConnector:
    """At most ``limit`` HTTP connections, none of them to a forbidden address."""
    return aiohttp.TCPConnector(
        limit=limit,
        ssl=tls or True,
        resolver=resolver,
        socket_factory=functools.partial(_make_socket, egress),
    )


async def check_behind_proxy(host: str, port: int, egress: Egress) -> None:
    """What can be checked of a host to which a proxy makes the connection.

    Raises EgressDeniedError where the host is, or is known here as, a forbidden address. A name
    that only the proxy knows, or knows otherwise, is the proxy's to judge.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return
    if any(is_denied(str(address[4][0]), egress) for address in found):
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")


async def connect(host: str, port: int, egress: Egress) -> socket.socket:
    """A connected socket, for protocols that do not come with a connector of their own.

    The addresses of ``host`` are tried in turn. Raises OSError for the last one that failed,
    EgressDeniedError if that was a forbidden one.
    """
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for found in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return await _connect_to(found, egress)
        except OSError as error:
            failure = error
    raise failure


async def _connect_to(found: _AddressInfo, egress: Egress) -> socket.socket:
    made = _make_socket(egress, found)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, found[4])
    except BaseException:
        made.close()
        raise
    return made


def _make_socket(egress: Egress, found: _AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = found
    if is_denied(address[0], egress):
        # Without the address: aiohttp joins differing messages into an error of another type.
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")
    return socket.socket(family, kind, protocol)


def _unwrap(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    # ::1 and :: lie in ::/96 too, and are themselves.
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved

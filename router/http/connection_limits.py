"""The limits of the connections of a server."""

import resource
from typing import Any, Final

import msgspec

from router.datatypes import Networks

_LINGERING_TIME: Final = 2.0
"""Seconds that the rest of a rejected body is read and dropped before the connection is cut: long
enough for the sender to read the response, too short to occupy a connection."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the connections of a server. Times are in seconds, sizes in bytes."""

    max_connections: int
    max_per_address: int
    """Connections of one address, or of one IPv6 network of 64 bits."""
    proxies: Networks
    """Peers without ``max_per_address``, because they connect for many clients."""
    head_timeout: float
    head_size: int
    write_timeout: float
    """Seconds without progress after which a client that does not read is cut off."""
    keepalive_timeout: float


def cap_to_fd_limit(wanted: int, divisor: int = 2) -> int:
    """Return ``wanted`` connections, or a share of the process's descriptor limit if that is less.

    Args:
        wanted: The configured number.
        divisor: The share of the descriptors: half of them for 2.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(soft // divisor, 1))


def connection_options(limits: ConnectionLimits) -> dict[str, Any]:
    """Return the parameters of aiohttp's protocol, as ``AppRunner`` and the protocol take them."""
    return {
        "keepalive_timeout": limits.keepalive_timeout,
        "lingering_time": _LINGERING_TIME,
        "access_log": None,
        # Only ingress/body.py decompresses, because a small body can grow to gigabytes.
        "auto_decompress": False,
    }

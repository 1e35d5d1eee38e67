"""Why a process cannot listen, and what to do."""

import errno
from typing import Final

from router.datatypes import host_in_url
from router.errors import ConfigurationError

_REASONS: Final = {
    errno.EADDRINUSE: "another process listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not, a port below 1024 needs a right",
}


def listen_error(host: str, port: int, error: OSError) -> ConfigurationError:
    """Return the error for an address on which a process cannot listen.

    Args:
        host: A name or an address.
        port: The port.
        error: Why not; asyncio's repeat the address in their text.
    """
    reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return ConfigurationError(
        f"cannot listen on {host_in_url(host)}:{port}: {reason}"
        " (set ROUTER_HOST, ROUTER_PORT, ROUTER_WORKER_PORT or ROUTER_OPERATIONS_PORT)"
    )

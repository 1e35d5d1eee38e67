"""A port that no process listens on."""

import socket
from typing import Final

_TRIED: Final = 20
"""Ports after the wanted one."""


def free_port(host: str, wanted: int) -> int:
    """Return the wanted port, or the next one that is free; the wanted one if that cannot be told.

    Another process may take it before this one does. Then the error is as without this function.
    """
    for port in range(wanted, min(wanted + _TRIED, 65535) + 1):
        if _is_free(host, port):
            return port
    return wanted


def _is_free(host: str, port: int) -> bool:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError:
        return False
    return True

"""Tell systemd that the process is ready (``Type=notify``).

A datagram to the socket that ``NOTIFY_SOCKET`` names; no library is needed. Source: sd_notify(3).
"""

import logging
import socket
from typing import Final

logger = logging.getLogger(__name__)

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
"""The variable that systemd sets. Only the first process of a service is listened to."""
_READY: Final = b"READY=1"


def notify_ready(address: str) -> None:
    """Report that the process listens.

    Args:
        address: The value of ``NOTIFY_SOCKET``: a path, or an abstract name after ``@``; ``""`` if no
            service manager waits.

    """
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            # Never blocks: a full socket means that systemd is stuck.
            sender.setblocking(False)
            sender.sendto(_READY, name)
    except OSError as error:
        # The start goes on, because systemd decides what a service without a report is.
        logger.warning("service manager not notified", extra={"reason": str(error)})

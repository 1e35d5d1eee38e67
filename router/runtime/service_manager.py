"""Tell systemd that the process is ready (``Type=notify``), and then that it is alive (``WatchdogSec=``).

A datagram to the socket that ``NOTIFY_SOCKET`` names; no library is needed. Sources: sd_notify(3),
sd_watchdog_enabled(3).
"""

import contextlib
import logging
import socket
from collections.abc import Mapping
from typing import Final

from router.runtime.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
"""The variable that systemd sets. Only the first process of a service is listened to."""
WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
"""The variables that systemd sets if it expects signs of life: the longest time without, and of which process."""
_READY: Final = b"READY=1"
_ALIVE: Final = b"WATCHDOG=1"


def notify_ready(address: str) -> None:
    """Report that the process listens.

    Args:
        address: The value of ``NOTIFY_SOCKET``: a path, or an abstract name after ``@``; ``""`` if no
            service manager waits.

    """
    if not address:
        return
    try:
        _send(address, _READY)
    except OSError as error:
        # The start goes on, because systemd decides what a service without a report is.
        logger.warning("service manager not notified", extra={"reason": str(error)})


def watchdog(environ: Mapping[str, str], pid: int) -> Heartbeat | None:
    """Return the sign of life that systemd expects of a process, at half of its time; None if it expects none.

    Args:
        environ: The variables of the process.
        pid: Its id.

    """
    address, (time, process) = environ.get(NOTIFY_SOCKET, ""), WATCHDOG
    microseconds = environ.get(time, "")
    if not address or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if environ.get(process, str(pid)) != str(pid):
        return None

    def send() -> None:
        # systemd kills a process whose signs do not arrive, and a warning each time would only repeat that.
        with contextlib.suppress(OSError):
            _send(address, _ALIVE)

    return Heartbeat(send, int(microseconds) / 2e6)


def _send(address: str, message: bytes) -> None:
    """Send a datagram. Raise OSError."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # Never blocks: a full socket means that systemd is stuck.
        sender.setblocking(False)
        sender.sendto(message, name)

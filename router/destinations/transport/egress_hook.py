"""Holds a thread to ROUTER_EGRESS, for libraries that make connections of their own.

CPython tells its audit hooks of each connection before it is made, with the address, and a hook
that raises prevents it (PEP 578): so the check stands where no name, redirect or proxy leads
around it, as it does for our own connections. The hook cannot be removed; it costs a function
call for each audited event of the process (imports, files, connections: not bytes), so it is
set only where a library needs it. It minds only the threads that it was told of, so these may
not start programs, nor (from Python 3.12, which audits that) other threads.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

from router.destinations.transport.egress import EgressDeniedError, is_denied
from router.settings.model import Egress

_CONNECTING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LEAVING: Final = frozenset(
    {
        *("_thread.start_new_thread", "_thread.start_joinable_thread", "ctypes.dlopen"),
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
        *("pty.spawn", "subprocess.Popen"),
    }
)


class _Held(threading.local):
    egress: Egress | None = None
    denied = False


_held = _Held()
_setting = threading.Lock()
_is_set = False


class ConnectionWatch:
    """What the guard saw while it held a thread."""

    @property
    def denied(self) -> bool:
        """Whether a connection was prevented."""
        return _held.denied


def install_hook() -> None:
    """Set the hook, once in a process."""
    global _is_set  # noqa: PLW0603 - so is the hook
    with _setting:
        if not _is_set:
            sys.addaudithook(_audit)
            _is_set = True


@contextlib.contextmanager
def restricted_to(egress: Egress) -> Iterator[ConnectionWatch]:
    """Hold this thread to ``egress``. Needs ``install_hook``."""
    _held.egress, _held.denied = egress, False
    try:
        yield ConnectionWatch()
    finally:
        _held.egress = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    egress = _held.egress
    if egress is None:
        return
    if event in _CONNECTING:
        _check(arguments[1], egress)
    elif event in _LEAVING:
        raise PermissionError(f"{event} is not for a thread that is held to ROUTER_EGRESS")


def _check(address: Any, egress: Egress) -> None:
    # No address: a socket that is connected. A path (a local socket) or a name, which might mean
    # one address now and another in a moment, is none that can be judged.
    if address is None:
        return
    try:
        allowed = not is_denied(address[0], egress)
    except (ValueError, TypeError, IndexError):
        allowed = False
    if not allowed:
        _held.denied = True
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")

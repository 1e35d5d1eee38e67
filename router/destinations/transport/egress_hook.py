"""Restricts a thread to the egress policy, for libraries that open connections themselves.

CPython calls its audit hooks before each connection, with the address, and a hook that raises
prevents it (PEP 578). No name, redirect or proxy evades that check. The hook cannot be removed and
costs a function call for each audited event of the process (imports, files and connections, but not
bytes), so it is installed only if a library needs it. It checks restricted threads only. Such a
thread may therefore not start programs, nor (from Python 3.12, which audits it) other threads.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

from router.destinations.transport.egress import EgressDeniedError, is_denied
from router.settings.choices import Egress

_CONNECTING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_ESCAPING: Final = frozenset(
    {
        *("_thread.start_new_thread", "_thread.start_joinable_thread", "ctypes.dlopen"),
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
        *("pty.spawn", "subprocess.Popen"),
    }
)


class _Restriction(threading.local):
    egress: Egress | None = None
    denied = False


_restriction = _Restriction()
_installing = threading.Lock()
_is_installed = False


class ConnectionWatch:
    """The connections of the restricted thread."""

    @property
    def denied(self) -> bool:
        """Whether a connection was denied."""
        return _restriction.denied


def install_hook() -> None:
    """Install the hook, once in a process."""
    global _is_installed  # noqa: PLW0603 - the hook is global to the process too
    with _installing:
        if not _is_installed:
            sys.addaudithook(_audit)
            _is_installed = True


@contextlib.contextmanager
def restricted_to(egress: Egress) -> Iterator[ConnectionWatch]:
    """Restrict the current thread to ``egress``. ``install_hook`` has to be called before."""
    _restriction.egress, _restriction.denied = egress, False
    try:
        yield ConnectionWatch()
    finally:
        _restriction.egress = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    egress = _restriction.egress
    if egress is None:
        return
    if event in _CONNECTING:
        _check(arguments[1], egress)
    elif event in _ESCAPING:
        raise PermissionError(
            f"{event} is not allowed in a thread that is restricted to ROUTER_EGRESS"
        )


def _check(address: Any, egress: Egress) -> None:
    if address is None:  # the socket is connected already
        return
    # A path (of a local socket) and a name are denied: a name may resolve to another address later.
    try:
        allowed = not is_denied(address[0], egress)
    except (ValueError, TypeError, IndexError):
        allowed = False
    if not allowed:
        _restriction.denied = True
        raise EgressDeniedError("address not allowed by ROUTER_EGRESS")

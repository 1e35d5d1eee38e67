"""Why no connection to Redis opens, or one has ended: in one sentence, with the next step.

redis-py's own texts are those of the operating system, several for one fault. TLS has its own module,
``tls_faults``; what Redis itself answers is in ``store_errors``.

Sources: errno(3), getaddrinfo(3); redis-py 5.3 and 8.1, ``Connection._error_message``.
"""

import errno
import re
import socket
from collections.abc import Iterator
from typing import Final

import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

_ADDRESS: Final = re.compile(r"\bconnecting to (.{1,300}?)\.(?: |$)")
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_CLOSED: Final = ("Connection closed", "Connection lost")
_URL: Final = "ROUTER_REDIS_URL"


class ConnectionFault(msgspec.Struct, frozen=True):
    """Why a server cannot be used."""

    reason: str
    """The subject of the sentence is Redis."""
    advice: str
    """An imperative."""
    is_setup: bool = True
    """Whether only an operator can end the state."""

    def __str__(self) -> str:
        return f"Redis {self.reason}; {self.advice}"


OTHER_SERVER: Final = ConnectionFault(
    reason=f"is not what answers at the port in {_URL}",
    advice="write host and port of a Redis: redis://host:6379/0",
)
CLOSED: Final = ConnectionFault(
    reason="closed the connection",
    advice="see its log: it may be stopping, or have no memory or no client left to give",
    is_setup=False,
)


_UNKNOWN_HOST: Final = (
    "cannot be found{}: its host has no address",
    f"correct the host in {_URL}, or the name server of this machine",
)
_NO_ADDRESS: Final = {
    socket.EAI_AGAIN: (
        "cannot be found{}: the name server does not answer",
        f"see the name server of this machine, or correct the host in {_URL}",
    )
}
_NO_ROUTE: Final = (
    "cannot be reached{}: no route to the host",
    f"check the network of this machine, or correct the host in {_URL}",
)
_LATE: Final = (
    "did not accept the connection{} in time",
    f"check the network and the firewall, or correct host and port in {_URL}",
)
_NO_SOCKET: Final = ("has no socket{}", f"start it, or correct the path in {_URL}")
_FORBIDDEN: Final = (
    "lets this user not open its socket{}",
    "set its unixsocketperm, or add this user to its group",
)
_NO_FILES: Final = (
    "cannot be connected to: this process has too many open files",
    "raise the limit: ulimit -n",
)
_BY_NUMBER: Final = {
    errno.ECONNREFUSED: (
        "refuses the connection{}",
        f"start it, or correct its address in {_URL}",
    ),
    errno.ENETUNREACH: _NO_ROUTE,
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ENETDOWN: _NO_ROUTE,
    errno.ETIMEDOUT: _LATE,
    errno.ENOENT: _NO_SOCKET,
    errno.ENOTDIR: _NO_SOCKET,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EMFILE: _NO_FILES,
    errno.ENFILE: _NO_FILES,
}
"""Reason and advice by errno; ``{}`` is where."""


def network_fault(error: BaseException, *, names_address: bool = True) -> ConnectionFault | None:
    """Return why the network led to no Redis, as far as an error tells; None if it does not.

    Args:
        error: The error of redis-py.
        names_address: Whether the reason has the address.
    """
    if isinstance(error, InvalidResponse):
        return OTHER_SERVER
    if isinstance(error, RedisTimeoutError):
        return ConnectionFault(_LATE[0].format(""), _LATE[1], is_setup=False)
    if isinstance(error, RedisError) and not isinstance(error, RedisConnectionError):
        return None  # a reply
    at = _ADDRESS.search(str(error))
    where = f" at {at[1]}" if at is not None and names_address else ""
    for cause in causes_of(error):
        if isinstance(cause, OSError):
            found = _system_fault(cause, where)
            if found is not None:
                return found
        if isinstance(cause, UnicodeError):
            return ConnectionFault(
                f"cannot be found{where}: no host has such a name", f"correct the host in {_URL}"
            )
    return CLOSED if any(words in str(error) for words in _CLOSED) else None


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it arose from; redis-py wraps errors with and without ``from``."""
    following: BaseException | None = error
    for _ in range(8):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__


def _system_fault(error: OSError, where: str) -> ConnectionFault | None:
    if isinstance(error, socket.gaierror):
        reason, advice = _NO_ADDRESS.get(error.errno or 0, _UNKNOWN_HOST)
    elif isinstance(error, ConnectionResetError | BrokenPipeError):
        return CLOSED
    else:
        number = error.errno
        if number is None and (found := _NUMBER.search(str(error))) is not None:
            number = int(found[1])  # asyncio joins the errors of several addresses into one text
        if number not in _BY_NUMBER:
            return None
        reason, advice = _BY_NUMBER[number]
    return ConnectionFault(reason.format(where), advice, is_setup=False)

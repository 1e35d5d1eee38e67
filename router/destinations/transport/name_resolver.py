"""Name look-ups of destinations, each name in a thread of its own.

The system's resolver (getaddrinfo) knows the hosts file, the search domains and everything else that
an administrator has configured. But it blocks its thread, for twenty seconds and more if two name
servers are dead. In the event loop's small pool of threads, the names of one destination would so
delay all others, and Redis. Here a look-up has a thread of its own, and there is at most one for each
name: all who need the name wait for the same one, each no longer than it wants. A result is used for
some seconds, a failure for a shorter time. The threads are daemons, so that one that hangs does not
delay the end of the process.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any, Final

import msgspec
from aiohttp.abc import AbstractResolver

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""An address as ``socket.getaddrinfo`` returns it."""

_KEPT_SECONDS: Final = 10.0
"""As aiohttp keeps results. The system's resolver does not say how long a result is valid."""
_FAILURE_KEPT_SECONDS: Final = 2.0
_MAX_KEPT: Final = 1024
"""Names whose results are kept."""
_MAX_THREADS: Final = 256
"""Look-ups at once. Above it a name that is not known already fails."""


class NameLookupTimeoutError(socket.gaierror):
    """Raised when a name was not resolved in time. The look-up goes on for later attempts."""


class _Resolved(msgspec.Struct, frozen=True):
    until: float
    """Seconds of the event loop's clock."""
    result: list[AddressInfo] | socket.gaierror


class NameResolver:
    """Resolves the names of all destinations of a process, in one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, _Resolved] = {}
        self._running: dict[str, asyncio.Future[list[AddressInfo] | socket.gaierror]] = {}

    async def resolve(self, host: str, port: int, *, seconds: float) -> list[AddressInfo]:
        """Return the addresses of a host, in the order in which they are to be tried.

        Args:
            host: A name or an address.
            port: The port of the returned addresses.
            seconds: The longest time to wait.

        Raises:
            NameLookupTimeoutError: There was no result in time.
            socket.gaierror: The name has no address, or the look-up failed.
        """
        result = self._known(host)
        if result is None:
            result = await self._wait(self._lookup(host), seconds)
        if isinstance(result, socket.gaierror):
            # A new one, because each that is raised gets a traceback and a cause of its own.
            raise type(result)(*result.args)
        return [
            (family, kind, protocol, name, (address[0], port, *address[2:]))
            for family, kind, protocol, name, address in result
        ]

    def _known(self, host: str) -> list[AddressInfo] | socket.gaierror | None:
        if _is_address(host):
            return _look_up(host, socket.AI_NUMERICHOST)  # does not block
        kept = self._kept.get(host)
        if kept is None or kept.until <= asyncio.get_running_loop().time():
            return None
        return kept.result

    def _lookup(self, host: str) -> asyncio.Future[list[AddressInfo] | socket.gaierror]:
        """Return the look-up of a name that is under way, or begin one."""
        loop = asyncio.get_running_loop()
        running = self._running.get(host)
        if running is not None and running.get_loop() is loop:
            return running
        future: asyncio.Future[list[AddressInfo] | socket.gaierror] = loop.create_future()
        if len(self._running) >= _MAX_THREADS:
            future.set_result(socket.gaierror(socket.EAI_AGAIN, "too many look-ups at once"))
            return future

        def finish(result: list[AddressInfo] | socket.gaierror) -> None:
            self._running.pop(host, None)
            self._keep(host, result, loop.time())
            future.set_result(result)

        def run() -> None:
            result = _look_up(host, socket.AI_ADDRCONFIG)
            # RuntimeError: the loop is closed, because the process ends.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, result)

        self._running[host] = future
        try:
            threading.Thread(target=run, name="name look-up", daemon=True).start()
        except RuntimeError:  # the machine has no room for another thread
            finish(socket.gaierror(socket.EAI_AGAIN, "no thread for the look-up"))
        return future

    def _keep(self, host: str, result: list[AddressInfo] | socket.gaierror, now: float) -> None:
        failed = isinstance(result, socket.gaierror)
        self._kept.pop(host, None)
        if len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept[host] = _Resolved(
            now + (_FAILURE_KEPT_SECONDS if failed else _KEPT_SECONDS), result
        )

    async def _wait(
        self, future: asyncio.Future[list[AddressInfo] | socket.gaierror], seconds: float
    ) -> list[AddressInfo] | socket.gaierror:
        # Not awaited itself, because a caller that is cancelled must not cancel it for the others.
        done, _ = await asyncio.wait([future], timeout=seconds)
        if not done:
            raise NameLookupTimeoutError(socket.EAI_AGAIN, "name look-up timed out")
        return future.result()


class AiohttpResolver(AbstractResolver):
    """Lets an aiohttp connector resolve names by a ``NameResolver``.

    Args:
        names: The resolver.
        seconds: The longest time to wait for a name.
    """

    def __init__(self, names: NameResolver, seconds: float) -> None:
        self._names = names
        self._seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[Any]:  # of the dicts that aiohttp documents
        """Return the addresses of a host in aiohttp's form."""
        found = await self._names.resolve(host, port, seconds=self._seconds)
        return [
            {
                "hostname": host,
                "host": str(address[0]),
                "port": port,
                "family": of_family,
                "proto": protocol,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for of_family, _, protocol, _, address in found
            if family in {socket.AF_UNSPEC, of_family}
        ]

    async def close(self) -> None:
        """Do nothing, because the resolver is shared."""


def _look_up(host: str, flags: int) -> list[AddressInfo] | socket.gaierror:
    if "\0" in host:  # getaddrinfo would look up what is before it
        return socket.gaierror(socket.EAI_NONAME, "not a host name")
    try:
        return socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror as error:
        return socket.gaierror(*error.args)  # without the traceback, because it is kept
    except UnicodeError:  # a label that is too long
        return socket.gaierror(socket.EAI_NONAME, "not a host name")
    except OSError:  # no descriptor or no memory for the look-up
        return socket.gaierror(socket.EAI_AGAIN, "look-up failed")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

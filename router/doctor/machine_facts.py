"""Reads the facts about this machine. No function raises: what cannot be known is left out."""

import asyncio
import contextlib
import ctypes
import errno
import resource
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from router.datatypes import parse_address
from router.doctor.machine_checks import MachineFacts, PortFacts
from router.http.connection_limits import cap_to_fd_limit
from router.http.server import Address
from router.settings.model import Settings

_MEMORY_FILES: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Those of cgroup v2 and v1. Source: Linux, Documentation/admin-guide/cgroup-v2.rst."""
_NO_LIMIT: Final = 1 << 60
"""cgroup v1 has a number close to 2^63 for no limit."""
_TIMEX_BYTES: Final = 512
"""More than ``struct timex`` has."""
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
_HTTP: Final = aiohttp.ClientTimeout(total=2.0)
_ANSWER_LIMIT: Final = 64 * 1024


class _Answer(msgspec.Struct, frozen=True):
    """The body of ``/healthz`` and ``/readyz``."""

    status: str = ""
    reason: str = ""
    rules: dict[str, Any] = {}


async def read_machine_facts(settings: Settings, folder: Path | None) -> MachineFacts:
    """Return the facts as of now.

    Args:
        settings: Give the ports, and the limits to compare with.
        folder: The folder of the embedded Redis; None if it is not used.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = 0
    if folder is not None:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(folder).free
    return MachineFacts(
        open_files=None if soft == resource.RLIM_INFINITY else soft,
        connections=cap_to_fd_limit(settings.max_connections),
        memory_limit=_memory_limit(_MEMORY_FILES),
        folder="" if folder is None else str(folder),
        free_bytes=free,
        is_synchronised=_is_synchronised(),
        ports=await _ports(settings),
    )


def _memory_limit(files: Iterable[Path]) -> int | None:
    """Return the limit of the first file that has one; None for no limit."""
    for file in files:
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
            limit = int(file.read_text("ascii"))
            return limit if limit < _NO_LIMIT else None
    return None


def _is_synchronised() -> bool | None:
    """Return what the kernel says of its clock; None if it says nothing, or is not Linux."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


async def _ports(settings: Settings) -> tuple[PortFacts, ...]:
    wanted = [
        ("ROUTER_PORT", settings.host, settings.port),
        ("ROUTER_WORKER_PORT", settings.host, settings.worker_port),
    ]
    if settings.operations_port is not None:
        host = settings.operations_host or settings.host
        wanted.append(("ROUTER_OPERATIONS_PORT", host, settings.operations_port))
    async with aiohttp.ClientSession(timeout=_HTTP) as session, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_port(session, name, host, port))
            for name, host, port in wanted
            if port
        ]
    return tuple(task.result() for task in tasks)


async def _port(session: aiohttp.ClientSession, name: str, host: str, port: int) -> PortFacts:
    facts = PortFacts(setting=name, host=host, port=port, bind_error=_bind_error(host, port))
    if not facts.bind_error:
        return facts
    url = Address(host, port).from_here()
    alive = await _get(session, f"{url}/healthz")
    if alive is None or alive.status != "alive":
        return facts
    ready = await _get(session, f"{url}/readyz") or _Answer()  # absent if another port has it
    return msgspec.structs.replace(
        facts,
        is_router=True,
        not_ready=ready.reason,
        rules_error=str(ready.rules.get("error", "")),
    )


async def _get(session: aiohttp.ClientSession, url: str) -> _Answer | None:
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = await response.content.read(_ANSWER_LIMIT)
            return msgspec.json.decode(body, type=_Answer)
    except (aiohttp.ClientError, OSError, msgspec.MsgspecError, UnicodeError, ValueError):
        return None


def _bind_error(host: str, port: int) -> str:
    """Return why a port cannot be listened on; ``""`` if it can."""
    address = parse_address("127.0.0.1" if host == "localhost" else host)
    if address is None:
        return ""  # a name, which the start resolves
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((str(address), port))
            trial.listen(1)
    except OSError as error:
        return _BIND_ERRORS.get(error.errno or 0, error.strerror or "an error")
    return ""


_BIND_ERRORS: Final = {
    errno.EADDRINUSE: "it is in use",
    errno.EACCES: "this user may not (ports below 1024 need a privilege)",
    errno.EADDRNOTAVAIL: "this machine does not have the address",
}

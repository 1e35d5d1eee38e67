"""Several processes of one router behind one port: ``--processes N``.

The parent holds a listening socket for each place, all bound to the same port (SO_REUSEPORT: the
kernel spreads connections over them), and each child serves the one of its place. Because the
sockets stay the parent's, what waits in one is not lost when its child dies or is exchanged: the
next child takes it.

SIGUSR2 exchanges the children one by one for new ones, of the code that is installed by then; a
new one that does not come up leaves the old one in its place. SIGHUP is passed on. One metrics
endpoint serves them all: the children keep their counts in files of one folder (prometheus-client's
multiprocess mode), and whichever is asked adds them up.
"""

import asyncio
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client import multiprocess

from router.clock import Clock
from router.errors import ConfigurationError

logger = logging.getLogger(__name__)

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client is told."""
LISTEN_FD: Final = "--listen-fd"
PARENT_FD: Final = "--parent-fd"
"""A socket to the parent: a byte that says that the child listens; its end, that nobody minds it."""

_BACKLOG: Final = 1024
_START_SECONDS: Final = 30.0
_LONGEST_PAUSE: Final = 10.0
_STEADY_SECONDS: Final = 60.0
"""A child that lived for so long did not die of its start."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What each child runs: the arguments of ``router``, and its environment."""

    arguments: Sequence[str]
    environ: Mapping[str, str]


class _Child:
    """One process. It ends when its parent does: ``line`` ends with the parent, however that dies."""

    def __init__(
        self, process: asyncio.subprocess.Process, line: socket.socket, started: float
    ) -> None:
        self.process = process
        self.started = started
        self._line = line

    async def ready(self) -> bool:
        """Whether it listens; False when it ended before that, or takes too long."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                return bool(await asyncio.get_running_loop().sock_recv(self._line, 1))
        except TimeoutError:
            return False

    async def ended(self) -> int:
        """Its exit code, once there is one."""
        code = await self.process.wait()
        self._line.close()
        return code

    def send(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)


class PreforkServer:
    """``count`` children on one address. ``drain_seconds`` is how long they may take to stop."""

    def __init__(
        self,
        command: Command,
        sockets: Sequence[socket.socket],
        clock: Clock,
        *,
        drain_seconds: float,
    ) -> None:
        self._command = command
        self._sockets = sockets
        self._monotonic = clock.monotonic
        self._drain_seconds = drain_seconds
        self._children: list[_Child] = []
        self._stop = asyncio.Event()
        self._restart = asyncio.Event()
        self._folder = ""

    async def run(self, ready: Callable[[], None]) -> int:
        """Run until a signal; the exit code. ``ready`` is called once all children listen."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        loop.add_signal_handler(signal.SIGUSR2, self._restart.set)
        with tempfile.TemporaryDirectory(prefix="router-metrics-") as self._folder:
            code = await self._start_all()
            if code:
                return code
            ready()
            async with asyncio.TaskGroup() as group:
                keepers = [
                    group.create_task(self._keep(place)) for place in range(len(self._sockets))
                ]
                keepers.append(group.create_task(self._exchange_when_asked()))
                await self._stop.wait()
                await self._end_all()
                for task in keepers:
                    task.cancel()
        return 0

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            logger.warning("second signal: stopping without draining")
            self._pass_on(signal.SIGKILL)
        self._stop.set()

    def _pass_on(self, number: signal.Signals) -> None:
        for child in self._children:
            child.send(number)

    async def _start_all(self) -> int:
        for place in range(len(self._sockets)):
            self._children.append(await self._start(place))
        for child in self._children:
            if not await child.ready():
                await self._end_all()
                return child.process.returncode or 1
        return 0

    async def _start(self, place: int) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        listening = self._sockets[place].fileno()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "router", *self._command.arguments),
                *(LISTEN_FD, str(listening), PARENT_FD, str(theirs.fileno())),
                env={**self._command.environ, METRICS_FOLDER: self._folder},
                pass_fds=(listening, theirs.fileno()),
                # A signal for the terminal's whole group would reach the children twice.
                start_new_session=True,
            )
        return _Child(process, ours, self._monotonic())

    async def _keep(self, place: int) -> None:
        """See to it that the place has a child."""
        deaths = 0
        while True:
            child = self._children[place]
            code = await child.ended()
            multiprocess.mark_process_dead(child.process.pid, self._folder)  # type: ignore[no-untyped-call]
            if self._stop.is_set() or child is not self._children[place]:
                if self._stop.is_set():
                    return
                continue
            lived = self._monotonic() - child.started
            deaths = 0 if lived > _STEADY_SECONDS else deaths + 1
            logger.error("a process died, another takes its place", extra={"exit_code": code})
            await asyncio.sleep(min(_LONGEST_PAUSE, 0.05 * 2 ** min(deaths, 10)))
            self._children[place] = await self._start(place)

    async def _exchange_when_asked(self) -> None:
        while True:
            await self._restart.wait()
            self._restart.clear()
            logger.info("exchanging all processes")
            for place in range(len(self._sockets)):
                if not await self._exchange(place):
                    break
            else:
                logger.info("all processes are exchanged")

    async def _exchange(self, place: int) -> bool:
        new = await self._start(place)
        if not await new.ready():
            new.send(signal.SIGKILL)
            logger.error("a new process does not come up, the old ones stay")
            return False
        old, self._children[place] = self._children[place], new
        old.send(signal.SIGTERM)
        return True

    async def _end_all(self) -> None:
        self._pass_on(signal.SIGTERM)
        try:
            # Twice: requests first, then jobs.
            async with asyncio.timeout(2 * self._drain_seconds + 10):
                for child in self._children:
                    await child.ended()
        except TimeoutError:
            logger.error("a process does not stop, it is killed")  # noqa: TRY400 - nothing to trace
            self._pass_on(signal.SIGKILL)


def bind(host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` listening sockets on one address; port 0 takes any free one, the same for all.

    Raises ConfigurationError when the address cannot be listened on.
    """
    sockets: list[socket.socket] = []
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        for _ in range(count):
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
            made.listen(_BACKLOG)
            address = made.getsockname()
    except OSError as error:
        for made in sockets:
            made.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}"
            " (set ROUTER_HOST, ROUTER_PORT or ROUTER_WORKER_PORT)"
        ) from None
    return sockets

"""Several processes of one router behind one port: ``--processes N``.

The parent owns one listening socket for each worker process, all bound to the same port
(SO_REUSEPORT: the kernel spreads connections over them). Each child accepts on the socket of its
index. The sockets stay the parent's, so connections that wait in one are not lost when its child
dies or is replaced: the next child accepts them.

SIGUSR2 starts a rolling restart: the children are replaced one by one by new ones, which run the
code that is installed by then. If a new child does not start, the old one stays. SIGHUP is forwarded
to all children. One metrics endpoint serves all of them: the children keep their counts in files of
one folder (prometheus-client's multiprocess mode), and the child that is asked adds them up.

A child that is stuck would take its share of the requests for ever: no health check finds it, because the
other children answer most of them. The parent kills a child that sends no sign of life (``heartbeat.py``).
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

from router import prometheus_adapter
from router.clock import Clock
from router.errors import ConfigurationError
from router.http.listen_errors import listen_error

logger = logging.getLogger(__name__)

LISTEN_FD: Final = "--listen-fd"
"""The option with the descriptor of a child's listening socket."""
OPERATIONS_FD: Final = "--operations-fd"
"""The option with the descriptor of a child's listening socket of the operations port."""
PARENT_FD: Final = "--parent-fd"
"""The option with the descriptor of a child's socket to the parent. The child sends a byte when it
listens, and one a second from then on; the socket ends when the parent exits."""

SILENCE_SECONDS: Final = 30.0
"""How long a child may send no sign of life."""
_BACKLOG: Final = 1024
_START_SECONDS: Final = 30.0
_MAX_PAUSE: Final = 10.0
_SIGNS: Final = 256
"""Signs of life that are read at once."""
_STABLE_SECONDS: Final = 60.0
"""The backoff starts again after a child that lived this long, because its start did not fail."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The command that each child runs."""

    arguments: Sequence[str]
    """The arguments of ``router``."""
    environ: Mapping[str, str]


class _Child:
    """One process. ``channel`` ends with the parent, however that ends, and then the child does."""

    def __init__(
        self, process: asyncio.subprocess.Process, channel: socket.socket, started: float
    ) -> None:
        self.process = process
        self.started = started
        self._channel = channel

    async def ready(self) -> bool:
        """Wait until the child listens; False if it ended before, or takes too long."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                return bool(await asyncio.get_running_loop().sock_recv(self._channel, 1))
        except TimeoutError:
            return False

    async def falls_silent(self, seconds: float) -> bool:
        """Wait until the child has sent no sign of life for so long; False if its channel ends before.

        The time begins with the first sign, and it is waited for twice: if the parent, too, could not run for
        a while, the signs of that time are read after the first wait.
        """
        loop = asyncio.get_running_loop()
        if not await loop.sock_recv(self._channel, _SIGNS):
            return False
        missed = 0
        while missed < 2:
            try:
                async with asyncio.timeout(seconds / 2):
                    if not await loop.sock_recv(self._channel, _SIGNS):
                        return False
                missed = 0
            except TimeoutError:
                missed += 1
        return True

    def close(self) -> None:
        """Close the channel of a child that has ended."""
        self._channel.close()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the child has ended."""
        if self.process.returncode is None:
            self.process.send_signal(number)


class PreforkServer:
    """Runs one child for each socket and replaces those that die.

    Args:
        command: What each child runs.
        sockets: The listening sockets, from ``bind``.
        clock: Time, for the backoff.
        drain_seconds: How long a child may take to end its requests, and again to end its jobs.
        operations_sockets: Those of the operations port, one for each child; empty if there is none.
        silence_seconds: How long a child may send no sign of life before it is killed.

    """

    def __init__(
        self,
        command: Command,
        sockets: Sequence[socket.socket],
        clock: Clock,
        *,
        drain_seconds: float,
        operations_sockets: Sequence[socket.socket] = (),
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._command = command
        self._sockets = sockets
        self._operations_sockets = operations_sockets
        self._monotonic = clock.monotonic
        self._drain_seconds = drain_seconds
        self._silence_seconds = silence_seconds
        self._children: list[_Child] = []
        self._stop = asyncio.Event()
        self._restart = asyncio.Event()
        self._folder = ""

    async def run(self, ready: Callable[[], None]) -> int:
        """Run until SIGTERM or SIGINT; return the exit code.

        Args:
            ready: Called once all children listen.

        Raises:
            ConfigurationError: There is no folder for temporary files.

        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._forward, signal.SIGHUP)
        loop.add_signal_handler(signal.SIGUSR2, self._restart.set)
        with _metrics_folder() as self._folder:
            code = await self._start_all()
            if code:
                return code
            ready()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._supervise(worker_index))
                    for worker_index in range(len(self._sockets))
                ]
                tasks.append(group.create_task(self._restart_on_signal()))
                await self._stop.wait()
                await self._stop_all()
                for task in tasks:
                    task.cancel()
        return 0

    def _on_stop_signal(self) -> None:
        if self._stop.is_set():
            logger.warning("second signal received; stopping without draining")
            self._forward(signal.SIGKILL)
        self._stop.set()

    def _forward(self, number: signal.Signals) -> None:
        for child in self._children:
            child.send(number)

    async def _start_all(self) -> int:
        for worker_index in range(len(self._sockets)):
            self._children.append(await self._start(worker_index))
        for child in self._children:
            if not await child.ready():
                await self._stop_all()
                return child.process.returncode or 1
        return 0

    async def _start(self, worker_index: int) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        listening = [(LISTEN_FD, self._sockets[worker_index].fileno())]
        if self._operations_sockets:
            listening.append((OPERATIONS_FD, self._operations_sockets[worker_index].fileno()))
        descriptors = [(PARENT_FD, theirs.fileno()), *listening]
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "router", *self._command.arguments),
                *(part for option, number in descriptors for part in (option, str(number))),
                env={**self._command.environ, prometheus_adapter.FOLDER_VARIABLE: self._folder},
                pass_fds=[number for _, number in descriptors],
                # A signal to the terminal's process group would reach the children twice.
                start_new_session=True,
            )
        return _Child(process, ours, self._monotonic())

    async def _supervise(self, worker_index: int) -> None:
        """Start a new child whenever the one with this index dies, until the server stops."""
        deaths = 0
        while True:
            child = self._children[worker_index]
            code = await self._ended(child, worker_index)
            prometheus_adapter.forget_process(child.process.pid, self._folder)
            if self._stop.is_set():
                return
            if child is not self._children[worker_index]:  # replaced by a rolling restart
                continue
            lived = self._monotonic() - child.started
            deaths = 0 if lived > _STABLE_SECONDS else deaths + 1
            logger.error(
                "process died; restarted", extra={"worker": worker_index, "exit_code": code}
            )
            await asyncio.sleep(min(_MAX_PAUSE, 0.05 * 2 ** min(deaths, 10)))
            self._children[worker_index] = await self._start(worker_index)

    async def _ended(self, child: _Child, worker_index: int) -> int:
        """Wait for a child's end, and bring it about if the child is stuck; return its exit code."""
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._kill_if_stuck(child, worker_index))
            code = await child.process.wait()
            watch.cancel()
        child.close()
        return code

    async def _kill_if_stuck(self, child: _Child, worker_index: int) -> None:
        if await child.falls_silent(self._silence_seconds):
            logger.error("process stopped responding; killed", extra={"worker": worker_index})
            child.send(signal.SIGKILL)

    async def _restart_on_signal(self) -> None:
        while True:
            await self._restart.wait()
            self._restart.clear()
            await self._rolling_restart()

    async def _rolling_restart(self) -> None:
        """Replace all children, one by one; stop at one that does not start."""
        logger.info("rolling restart started")
        for worker_index in range(len(self._sockets)):
            if not await self._replace(worker_index):
                return
        logger.info("rolling restart finished")

    async def _replace(self, worker_index: int) -> bool:
        """Start a new child and stop the old one. False if the new one does not start."""
        new = await self._start(worker_index)
        if not await new.ready():
            new.send(signal.SIGKILL)
            logger.error(
                "rolling restart aborted: new process did not start; old processes stay active",
                extra={"worker": worker_index},
            )
            return False
        old, self._children[worker_index] = self._children[worker_index], new
        old.send(signal.SIGTERM)
        return True

    async def _stop_all(self) -> None:
        self._forward(signal.SIGTERM)
        try:
            # Twice, because a child drains requests first, then jobs.
            async with asyncio.timeout(2 * self._drain_seconds + 10):
                for child in self._children:
                    await child.process.wait()
        except TimeoutError:
            logger.error("process did not stop; killed")  # noqa: TRY400 - there is no error to trace
            self._forward(signal.SIGKILL)


def _metrics_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder for the files of the metrics of all processes."""
    try:
        return tempfile.TemporaryDirectory(prefix="router-metrics-")
    except OSError:
        raise ConfigurationError(
            "--processes needs a folder for temporary files, in which the processes share their"
            " metrics: mount a tmpfs at /tmp, or name a folder that can be written in TMPDIR"
        ) from None


def bind(host: str, port: int, count: int) -> list[socket.socket]:
    """Return listening sockets on one address.

    Args:
        host: The host name or address.
        port: The port; 0 for any free one, the same for all sockets.
        count: The number of sockets.

    Raises:
        ConfigurationError: The address cannot be listened on.

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
        raise listen_error(host, port, error) from None
    return sockets

"""A process that has imported the router once, and forks it at each request.

The imports of a start take 0.5 s of CPU, and the suite starts some hundred routers. A forked
router is a process of its own with its own environment. What needs another interpreter (a preload,
a module of the tests) is executed instead, see ``support/processes.py`` and ``support/forked.py``.

A client connects to the server's socket, sends a ``Request`` with its standard streams, and receives
the router's process id and, at its end, its exit code. The router is killed when the client has gone.
"""

import asyncio
import atexit
import contextlib
import functools
import gc
import importlib
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

SCRIPT: Final = Path(sys.executable).with_name("router")
"""The program that an installation makes."""
_LARGEST_REQUEST: Final = 1 << 17
_LARGEST_REPLY: Final = 64
_TESTS: Final = Path(__file__).parents[1]
_IMPORTED: Final = (  # all that serves, and what most commands use
    *("router.cli.processes", "router.cli.run", "router.cli.check", "router.cli.test"),
    *("router.cli.send", "router.cli.doctor", "router.cli.dev"),
)


class Request(msgspec.Struct, frozen=True):
    """The arguments, the environment and the working folder of a router."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str


class ForkedProcess:
    """A router that the server has forked; the same face as ``asyncio.subprocess.Process``."""

    def __init__(self, pid: int, stderr: asyncio.StreamReader, report: socket.socket) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._report = report
        self._watch = asyncio.get_running_loop().create_task(self._read_status())

    async def _read_status(self) -> int:
        # Empty if the server has ended, and killed it.
        status = await asyncio.get_running_loop().sock_recv(self._report, _LARGEST_REPLY)
        self._report.close()
        self.returncode = int(status or -signal.SIGKILL)
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._watch)

    def send_signal(self, number: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


async def fork_router(arguments: tuple[str, ...], environ: Mapping[str, str]) -> ForkedProcess:
    """Start ``router ARGUMENTS``; its standard error is piped."""
    request = Request(list(arguments), dict(environ), str(Path.cwd()))
    stderr, stderr_end = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    report = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    report.connect(str(address()))
    socket.send_fds(report, [msgspec.json.encode(request)], [nothing, nothing, stderr_end])
    os.close(stderr_end)
    os.close(nothing)
    report.setblocking(False)
    pid = int(await asyncio.get_running_loop().sock_recv(report, _LARGEST_REPLY))
    return ForkedProcess(pid, await _reader(stderr), report)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader


@functools.cache
def address() -> Path:
    """Start the server of this process; return the path of its socket.

    The server ends with this process, however that ends, and then removes the socket's folder.
    """
    path = Path(tempfile.mkdtemp(prefix="router-forks-")) / "socket"
    own, its = socket.socketpair()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        environ = {**os.environ, "PYTHONPATH": str(_TESTS)}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        descriptors = [listener.fileno(), its.fileno()]
        server = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "support.fork_server", *map(str, descriptors)],
            env=environ,
            pass_fds=descriptors,
        )
    its.close()

    @atexit.register
    def end() -> None:
        own.close()
        server.wait()

    return path


class _Asked(NamedTuple):
    """A request and its standard streams, to be understood by the child."""

    body: bytes
    streams: list[int]


def serve(listener: socket.socket, life: socket.socket) -> _Asked | None:
    """Fork at each request; return it in the child, and None in the server when ``life`` ends."""
    clients: dict[int, socket.socket] = {}
    wakes, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    while True:
        ready, _, _ = select.select([life, wakes, listener, *clients.values()], [], [])
        if life in ready:
            _kill(clients, clients.values())
            return None
        if wakes in ready:
            wakes.recv(64)
            _report_ended(clients)
        _kill(clients, ready)
        if listener in ready and (accepted := _accept(listener)):
            client, asked = accepted
            pid = os.fork()
            if not pid:
                for each in (listener, life, wakes, wake, client, *clients.values()):
                    each.close()
                return asked
            for stream in asked.streams:
                os.close(stream)
            clients[pid] = client
            _tell(client, pid)


def _accept(listener: socket.socket) -> tuple[socket.socket, _Asked] | None:
    client, _ = listener.accept()
    client.settimeout(10)
    body, streams, *_ = socket.recv_fds(client, _LARGEST_REQUEST, 3)
    if not body:
        client.close()
        return None
    return client, _Asked(body, streams)


def _tell(client: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        client.send(b"%d" % number)


def _kill(clients: dict[int, socket.socket], gone: Collection[socket.socket]) -> None:
    """Kill the routers of clients that have gone: a client says nothing more until it goes."""
    for pid in [pid for pid, client in clients.items() if client in gone]:
        os.kill(pid, signal.SIGKILL)
        clients.pop(pid).close()


def _report_ended(clients: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if client := clients.pop(ended[0], None):
                _tell(client, os.waitstatus_to_exitcode(ended[1]))
                client.close()


def _become(asked: _Asked) -> None:
    """Be as a process that was executed: with these streams, this environment and this folder."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The server may ignore them, below nohup or in the background.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, stream in enumerate(asked.streams):
        os.dup2(stream, target)
    for stream in asked.streams:
        os.close(stream)
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        former = getattr(sys, name)
        stream = open(  # noqa: SIM115 - for the life of the process
            descriptor, mode, encoding=former.encoding, errors=former.errors, closefd=False
        )
        if mode == "w":
            stream.reconfigure(line_buffering=name == "stderr" or stream.isatty())
        setattr(sys, name, stream)
    request = msgspec.json.decode(asked.body, type=Request)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environ)
    sys.argv = [str(SCRIPT), *request.arguments]


def _main() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or the first collection of each child copies all pages
    listener, life = (socket.socket(fileno=int(each)) for each in sys.argv[1:])
    folder = Path(listener.getsockname()).parent
    asked = serve(listener, life)
    if asked is None:
        shutil.rmtree(folder)
        return
    _become(asked)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _main()

"""A process that has imported the router once, and forks it at each request.

The imports of a start take 0.5 s of CPU, and the suite starts some hundred routers. A forked
router is a process of its own with its own environment. What needs another interpreter (a preload,
a module of the tests) is executed instead, see ``support/processes.py``.
"""

import asyncio
import atexit
import contextlib
import functools
import importlib
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

_LARGEST_REQUEST = 1 << 17
_TESTS = Path(__file__).parents[1]


class Request(msgspec.Struct, frozen=True):
    """The arguments, the environment and the working folder of a router."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str


class ForkedProcess:
    """A router that the server has forked; the same face as ``asyncio.subprocess.Process``."""

    def __init__(
        self, pid: int, stderr: asyncio.StreamReader, report: asyncio.StreamReader
    ) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._report = report
        self._watch = asyncio.get_running_loop().create_task(self._read_status())

    async def _read_status(self) -> int:
        # Read to its end, which closes the pipe. Empty if the server has ended, and killed it.
        self.returncode = int(await self._report.read() or -signal.SIGKILL)
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
    report, report_end = os.pipe()
    socket.send_fds(_server(), [msgspec.json.encode(request)], [stderr_end, report_end])
    os.close(stderr_end)
    os.close(report_end)
    reports = await _reader(report)
    return ForkedProcess(int(await reports.readline()), await _reader(stderr), reports)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader


@functools.cache
def _server() -> socket.socket:
    """Start the server of this process, which ends with it."""
    own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environ = {**os.environ, "PYTHONPATH": str(_TESTS)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    server = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "support.fork_server", str(its.fileno())],
        env=environ,
        pass_fds=[its.fileno()],
    )
    its.close()

    @atexit.register
    def end() -> None:
        own.close()
        server.wait()

    return own


def serve(requests: socket.socket) -> Request | None:
    """Fork at each request; return it in the child, and None in the server at its end."""
    reports: dict[int, int] = {}
    wakes, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    while message := _next_request(requests, wakes, reports):
        body, (stderr, report) = message
        pid = os.fork()
        if not pid:
            for each in (requests, wakes, wake):
                each.close()
            _leave_server(stderr, [*reports.values(), report])
            return msgspec.json.decode(body, type=Request)
        os.close(stderr)
        reports[pid] = report
        os.write(report, b"%d\n" % pid)
    for pid in reports:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return None


def _next_request(
    requests: socket.socket, wakes: socket.socket, reports: dict[int, int]
) -> tuple[bytes, list[int]] | None:
    """Wait for a request and its descriptors, and report ends meanwhile; None at the end."""
    while True:
        ready, _, _ = select.select([requests, wakes], [], [])
        if wakes in ready:
            wakes.recv(64)
            _report_ended(reports)
        if requests in ready:
            body, descriptors, *_ = socket.recv_fds(requests, _LARGEST_REQUEST, 2)
            return (body, descriptors) if body else None


def _report_ended(reports: dict[int, int]) -> None:
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        report = reports.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(report)


def _leave_server(stderr: int, reports: list[int]) -> None:
    """Be as a process that was executed, with this standard error."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for report in reports:
        os.close(report)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, target in ((nothing, 0), (nothing, 1), (stderr, 2)):
        os.dup2(descriptor, target)
    os.close(nothing)
    os.close(stderr)


def _main() -> None:
    for name in ("router.cli.processes", "router.cli.run"):  # they import all that serves
        importlib.import_module(name)
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environ)
    sys.argv = ["router", *request.arguments]
    runpy.run_module("router", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()

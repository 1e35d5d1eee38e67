"""Processes that take part: started on a core of their own, ended by their id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from bench.measuring import cpu_seconds, memory_mb

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0

_allowed = sorted(os.sched_getaffinity(0))
UNDER_TEST: Final = frozenset(_allowed[:1])
"""The core of the process that is measured."""
SECOND_UNDER_TEST: Final = frozenset(_allowed[1:2] or _allowed)
"""Where two are measured at once, the other's."""
OTHERS: Final = frozenset(_allowed[2:] or _allowed[:1])
"""What is left beside two that are measured; of two cores the first one's, that the second has its own."""
BESIDE: Final = frozenset(_allowed[1:] or _allowed)
"""The cores of all that only serves the measuring."""
ANYWHERE: Final = frozenset(_allowed)


class Process:
    """A program. Entering starts it and waits until it listens on ``port``; leaving ends it."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cores: frozenset[int],
        port: int = 0,
        environ: Mapping[str, str] | None = None,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._arguments = list(arguments)
        self._cores = cores
        self._environ = {**_plain_environ(), **(environ or {})}
        self._log = log
        self._cwd = cwd
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def start(self) -> None:
        output = subprocess.DEVNULL if self._log is None else self._log.open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - programs of this repository
            self._arguments,
            env=self._environ,
            stdout=output,
            stderr=output,
            cwd=self._cwd,
            start_new_session=True,
        )
        # Threads that it starts from here on inherit the core.
        os.sched_setaffinity(self._process.pid, self._cores)
        deadline = time.monotonic() + _START_SECONDS
        while self.port and not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{' '.join(self._arguments[:4])} did not start: {self.said()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None

    def cpu(self) -> float:
        """Seconds so far."""
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        """MB now."""
        return memory_mb(self.pid)

    def said(self) -> str:
        """The end of its log."""
        return "" if self._log is None else self._log.read_text(errors="replace")[-2000:]


def python(*arguments: str) -> list[str]:
    """``python -m …`` as a command."""
    return [sys.executable, "-m", *arguments]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _plain_environ() -> dict[str, str]:
    """Without settings of a router that runs here, and without a proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROUTER_") and not name.lower().endswith("_proxy")
    }

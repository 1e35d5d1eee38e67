"""The Redis, URL and tokens of a running ``router dev``, for other commands of the same user.

A file in the user's state folder has it. The process keeps the file locked, so that the file of a
killed process is recognised.
"""

import os
from pathlib import Path

import msgspec

from router.dev.file_lock import FileLock


class RunningDev(msgspec.Struct, frozen=True, kw_only=True):
    """The places and tokens of a running ``router dev``."""

    pid: int
    url: str
    """The address on which it listens, without a path."""
    redis_url: str
    auth_token: str
    """Signs requests to ``/twilio``."""
    admin_token: str
    """The first token of operators."""


class RunningDevFile:
    """The file. One process announces itself in it; the last one to start, if there are several.

    Args:
        folder: The folder for the data of ``router dev``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "running.json"
        self._lock = FileLock(folder / "running.lock")

    def announce(self, running: RunningDev) -> None:
        """Write the file, readable by this user only. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        written = self._path.with_suffix(f".{running.pid}")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(running))
        written.replace(self._path)

    def withdraw(self) -> None:
        """Release the file."""
        self._lock.close()

    def read(self) -> RunningDev | None:
        """Return the running process; None if there is none."""
        try:
            if self._lock.acquire():
                self._lock.close()
                return None
            return msgspec.json.decode(self._path.read_bytes(), type=RunningDev)
        except (OSError, msgspec.DecodeError):
            return None


def data_folder(state_home: str, home: Path) -> Path:
    """Return the folder for the data of ``router dev``: in the XDG state folder.

    Args:
        state_home: The environment variable XDG_STATE_HOME; ``""`` if it is not set.
        home: The user's home folder.

    Source: XDG Base Directory Specification 0.8, XDG_STATE_HOME.

    """
    base = Path(state_home) if state_home else home / ".local" / "state"
    return base / "router" / "dev"

"""The Redis, URL and tokens of a running ``router dev``, for other commands of the same user.

A file in the store of its rules folder has them. The process keeps the file locked, so that the file
of a killed process is recognised.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from router.dev.dev_store import DevStore
from router.dev.file_lock import FileLock, is_locked

_ANNOUNCED: Final = "running.*.json"


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
    rules: str
    """The path of its rules folder, which need not exist."""
    data: str = ""
    """The folder of its embedded Redis; ``""`` for a Redis of the operator's."""


class Announcement:
    """The file by which a process is found while it runs.

    Args:
        store: The store of its rules folder.
    """

    def __init__(self, store: DevStore) -> None:
        self._folder = store.folder
        self._path: Path | None = None
        self._lock: FileLock | None = None

    def publish(self, running: RunningDev) -> None:
        """Write the file, readable by this user only. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob(_ANNOUNCED):
            if not is_locked(path):
                path.unlink(missing_ok=True)  # of a process that was killed
        path = self._folder / f"running.{running.pid}.json"
        written = path.with_suffix(".new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(running))
        # The lock is on the file and not on its name, so it is there before the name is.
        self._lock = FileLock(written)
        self._lock.acquire()
        self._path = written.replace(path)

    def withdraw(self) -> None:
        """Delete the file, if there is one."""
        if self._path is not None and self._lock is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._lock.close()
            self._path = self._lock = None


def find_running(store: DevStore) -> RunningDev | None:
    """Return the ``router dev`` of a rules folder, the last one to start; None if there is none."""
    return next(_running(store.folder, _ANNOUNCED), None)


def find_all_running(stores: Path) -> list[RunningDev]:
    """Return each ``router dev`` of a user, the last one to start first."""
    return list(_running(stores, f"*/{_ANNOUNCED}"))


def _running(folder: Path, pattern: str) -> Iterator[RunningDev]:
    with contextlib.suppress(OSError):
        found = [(path.stat().st_mtime, path) for path in folder.glob(pattern) if is_locked(path)]
        for _, path in sorted(found, reverse=True):
            with contextlib.suppress(msgspec.DecodeError):
                yield msgspec.json.decode(path.read_bytes(), type=RunningDev)

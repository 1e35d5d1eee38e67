"""A lock on a file that ends with the processes that have it, however they end.

Source: flock(2). The lock belongs to the open file: a child process that inherits the descriptor has
it too, until both have closed it or ended.
"""

import fcntl
import os
from pathlib import Path


class FileLock:
    """An exclusive lock. The file is made if needed, and stays.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The descriptor of the file, for a child process. Raises RuntimeError without the lock."""
        if self._descriptor is None:
            raise RuntimeError("not locked")
        return self._descriptor

    def acquire(self) -> bool:
        """Acquire the lock; return False if another process has it. Raises OSError."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def close(self) -> None:
        """Leave the lock to the child processes that have inherited it; release it without any."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Return whether a process has the lock on a file; False if the file cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two readers at once do not take each other for the process.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)

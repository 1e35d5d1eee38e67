"""Open and read files that may be pipes or devices: each wait has an end, and so has each read.

``--env-file <(decrypt secrets.env)`` is a pipe, and ``/dev/null`` a device, so neither is rejected for
what it is. A pipe that no process writes to would block ``open`` for ever (fifo(7)); /dev/zero has no end.
"""

import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import BinaryIO, Final

PATIENCE: Final = 10.0
"""Seconds to wait for a pipe or a device."""
_PIECE: Final = 1 << 16


def read_at_most(path: Path | str, limit: int, *, patience: float = PATIENCE) -> bytes:
    """Return the content of a file, and of one that is larger the first ``limit + 1`` bytes.

    Args:
        path: The file.
        limit: Bytes that the caller accepts.
        patience: Seconds for all of it, if it is a pipe or a device.

    Raises:
        OSError: It cannot be read; TimeoutError if it did not end in time. The error has the path.
        ValueError: The path has a NUL.
    """
    ends_at = time.monotonic() + patience
    descriptor = _open(path)
    content = bytearray()
    try:
        while len(content) <= limit:
            _wait(descriptor, ends_at - time.monotonic())
            piece = os.read(descriptor, min(_PIECE, limit + 1 - len(content)))
            if not piece:
                break
            content += piece
    except OSError as error:
        raise _of_file(error, path) from None
    finally:
        os.close(descriptor)
    return bytes(content)


def open_to_read(path: Path | str, *, patience: float = PATIENCE) -> BinaryIO:
    """Return an open file whose first bytes are there, so that its writer exists.

    Further bytes are waited for without a deadline, because a stream may pause.

    Args:
        path: The file, which ``name`` of the result has.
        patience: Seconds to wait for the first bytes of a pipe or a device.

    Raises:
        OSError: As ``read_at_most``.
        ValueError: The path has a NUL.
    """
    descriptor = _open(path)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _wait(descriptor, patience)
    except OSError as error:
        os.close(descriptor)
        raise _of_file(error, path) from None
    os.set_blocking(descriptor, True)
    return open(path, "rb", opener=lambda _path, _flags: descriptor)


def check_readable(path: Path | str) -> None:
    """Check that a path leads to a regular file, which a library then opens and reads more than once.

    Raises:
        OSError: It does not, or the file cannot be read.
        ValueError: The path has a NUL.
    """
    descriptor = _open(path)
    mode = os.fstat(descriptor).st_mode
    os.close(descriptor)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "this is not a file", str(path))


def is_regular(file: BinaryIO) -> bool:
    """Return whether an open file is neither a pipe nor a device, so that it can be read again."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:  # a file in memory
        return False


def _open(path: Path | str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def _wait(descriptor: int, seconds: float) -> None:
    """Wait until bytes or the end can be read. Regular files always can. Raises TimeoutError."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(max(0.0, seconds) * 1000):
        raise TimeoutError(errno.ETIMEDOUT, "nothing writes to it, or not to its end")


def _of_file(error: OSError, path: Path | str) -> OSError:
    """Return an error with the path, which errors of descriptors lack."""
    return type(error)(error.errno, error.strerror, str(path))

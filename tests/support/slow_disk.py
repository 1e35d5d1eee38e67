"""A disk whose syncs take as long as a test wants, for one program and without privileges.

``SlowDisk`` makes a program that starts another one under a seccomp filter: the kernel passes each of its
fsync and fdatasync calls to the test, which lets it go on at once, or when the disk is fast again. Writes are
not delayed, as on a real disk, whose cache takes them.

``python slow_disk.py SOCKET COMMAND…`` is that program. Source: seccomp(2) and seccomp_unotify(2).
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER: Final = 1
_NEW_LISTENER: Final = 8
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_NOTIFY: Final = 0x7FC00000
_NOTIFICATION_BYTES: Final = 80
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_CONTINUE: Final = 1
_CALLS: Final = {"x86_64": (317, (74, 75)), "aarch64": (277, (82, 83))}
"""The numbers of seccomp, and of fsync and fdatasync, by machine."""


class SlowDiskUnavailableError(Exception):
    """Raised when this machine has no such filter; the message says why."""


class SlowDisk:
    """The disk of the program ``path``; fast until ``stall``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """An executable that starts the program with its own arguments."""
        self.waiting = 0
        """Syncs that wait for the disk."""
        self._is_fast = threading.Event()
        self._is_fast.set()

    def stall(self) -> None:
        """Let no sync end until ``recover``."""
        self._is_fast.clear()

    def recover(self) -> None:
        """Let all syncs end."""
        self._is_fast.set()

    def serve(self, listener: socket.socket) -> None:
        """Answer the syncs of each start of the program until ``listener`` is closed."""
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with accepted:
                descriptors = array.array("i")
                _, ancillary, _, _ = accepted.recvmsg(1, socket.CMSG_SPACE(descriptors.itemsize))
            for _, _, data in ancillary:
                descriptors.frombytes(data)
            for each in descriptors:
                threading.Thread(target=self._answer_all, args=(each,), daemon=True).start()

    def _answer_all(self, descriptor: int) -> None:
        """Answer the syncs of one process until it ends."""
        polled = select.poll()
        polled.register(descriptor, select.POLLIN)
        while all(not event & select.POLLHUP for _, event in polled.poll()):
            notification = bytearray(_NOTIFICATION_BYTES)
            try:
                fcntl.ioctl(descriptor, _RECEIVE, notification)
                self.waiting += 1
                self._is_fast.wait()
                self.waiting -= 1
                answer = struct.pack(
                    "QqiI", *struct.unpack_from("Q", notification), 0, 0, _CONTINUE
                )
                fcntl.ioctl(descriptor, _SEND, answer)
            except OSError as error:
                if error.errno != errno.ENOENT:  # the caller was killed meanwhile
                    break
        os.close(descriptor)


@contextlib.contextmanager
def slow_disk(program: Path, folder: Path) -> Iterator[SlowDisk]:
    """Make the disk of a program. Raises SlowDiskUnavailableError."""
    if platform.machine() not in _CALLS:
        raise SlowDiskUnavailableError(f"its calls are not known on {platform.machine()}")
    path, address = folder / program.name, folder / "syncs"
    path.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{address}" "{program}" "$@"\n'
    )
    path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        disk = SlowDisk(path)
        threading.Thread(target=disk.serve, args=(listener,), daemon=True).start()
        try:
            yield disk
        finally:
            disk.recover()
            listener.shutdown(socket.SHUT_RDWR)


def _listen() -> int:
    """Put the filter on this process and those that it becomes; return the descriptor of its calls."""
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp, syncs = _CALLS[platform.machine()]
    steps = [
        struct.pack("HBBI", _LOAD, 0, 0, 0),  # the number of the call
        *(
            struct.pack("HBBI", _JUMP_IF_EQUAL, len(syncs) - at, 0, each)
            for at, each in enumerate(syncs)
        ),
        struct.pack("HBBI", _RETURN, 0, 0, _ALLOW),
        struct.pack("HBBI", _RETURN, 0, 0, _NOTIFY),
    ]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    )
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    descriptor: int = libc.syscall(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, program)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "no seccomp listener")
    return descriptor


def main() -> None:
    """Start the command of the arguments with the filter."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        descriptor = _listen()
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]).tobytes())
        connection.sendmsg([b"."], [rights])
    os.close(descriptor)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the test chose the command


if __name__ == "__main__":
    main()

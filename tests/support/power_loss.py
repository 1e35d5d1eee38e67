"""A disk that can lose its power: what was written and not synced is gone, as on a real machine.

A file in RAM holds an ext4 filesystem, mounted by a loop device. ``cut_power`` shuts the filesystem
down without flushing anything (``EXT4_IOC_SHUTDOWN`` with ``EXT4_GOING_FLAGS_NOLOGFLUSH``, the ioctl
that xfstests tests crashes with): the page cache is lost, the journal ends where it was last
committed, and no further write succeeds. Needs root, a loop device and ``mkfs.ext4``.

Source: Linux, fs/ext4/ext4.h and fs/ext4/ioctl.c; xfstests, src/godown.c.
"""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_EXT4_IOC_SHUTDOWN: Final = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
_NO_LOG_FLUSH: Final = 2
_SIZE: Final = 32 << 20
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the disk is in RAM


class PowerLossUnavailableError(Exception):
    """Raised when this machine cannot mount such a disk; the message says why."""


class FragileDisk:
    """A mounted filesystem. ``folder`` is where it is mounted."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image = image
        self.folder = folder
        self._mounts = 0

    def mount(self) -> None:
        """Mount it; after a loss of power, its journal is replayed as at a start.

        It is a copy from the second time on: a process that has taken its mounts with it into a namespace
        keeps the filesystem that was shut down, and the kernel would mount that one again.
        """
        self._mounts += 1
        if self._mounts > 1:
            copy = self.image.with_suffix(f".{self._mounts}")
            shutil.copyfile(self.image, copy)
            self.image.unlink()
            self.image = copy
        _run("mount", "-o", "loop", str(self.image), str(self.folder))

    def unmount(self) -> None:
        """Unmount it. No process may have a file of it open."""
        _run("umount", str(self.folder))

    def cut_power(self) -> None:
        """Lose all that was not synced. ``unmount`` and ``mount`` it again after that.

        End the processes that use it first: for one that lives on, a sync that was under way may
        succeed, and what it then acknowledges is lost.
        """
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def fragile_disk(folder: Path) -> Iterator[FragileDisk]:
    """Make and mount a disk. Raises PowerLossUnavailableError."""
    if os.geteuid() != 0:
        raise PowerLossUnavailableError("mounting needs root")
    if not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        raise PowerLossUnavailableError("there is no mkfs.ext4 or no loop device")
    mounted = folder / "disk"
    mounted.mkdir()
    image = (_MEMORY if _MEMORY.is_dir() else folder) / f"power-loss-{os.getpid()}.img"
    disk = FragileDisk(image, mounted)
    try:
        with image.open("wb") as file:
            file.truncate(_SIZE)
        _run("mkfs.ext4", "-q", str(image))
        disk.mount()
        try:
            yield disk
        finally:
            with contextlib.suppress(PowerLossUnavailableError):
                disk.unmount()
    finally:
        disk.image.unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - ours
    if done.returncode:
        raise PowerLossUnavailableError(f"{command[0]}: {done.stderr.strip()}")

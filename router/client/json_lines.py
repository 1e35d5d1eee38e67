"""A file with one event a line (JSON Lines), read in pieces that fit into a request, and resumed.

Whatever its size, a line and a batch are all that is in memory. A place is a byte: who starts
there reads on as if there had been no stop.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from router.errors import ConfigurationError

LONGEST: Final = 4 << 20
"""Bytes of one line."""
_HEAD: Final = 4096
"""Bytes at the beginning that tell one file from another."""


class Line(msgspec.Struct, frozen=True):
    """One line that is not empty. Numbers count from 1."""

    number: int
    end: int
    """The byte after it, with its line end."""
    text: bytes


Batch = tuple[Line, ...]


class FileCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been sent."""

    line: int = 0
    """The last line that was accepted, 0 for none."""
    offset: int = 0
    """The byte after it."""
    head: str = ""
    """What tells this file from another."""


def lines(file: BinaryIO, start: FileCheckpoint, name: str) -> Iterator[Line]:
    """The lines after ``start``; ``file`` stands there. Raises ConfigurationError."""
    number, end = start.line, start.offset
    while text := file.readline(LONGEST + 1):
        number += 1
        end += len(text)
        if len(text) > LONGEST:
            raise ConfigurationError(f"{name}:{number}: the line is longer than {LONGEST} bytes")
        stripped = text.strip()
        if stripped:
            yield Line(number, end, stripped)


def batches(source: Iterable[Line], *, events: int, size: int) -> Iterator[Batch]:
    """The lines in groups of at most so many events and about so many bytes."""
    batch: list[Line] = []
    held = 0
    for line in source:
        if batch and (len(batch) >= events or held + len(line.text) > size):
            yield tuple(batch)
            batch, held = [], 0
        batch.append(line)
        held += len(line.text) + 1
    if batch:
        yield tuple(batch)


def body_of(batch: Batch) -> bytes:
    """The JSON array of a batch."""
    return b"[" + b",".join(line.text for line in batch) + b"]"


class CheckpointFile:
    """Remembers next to a file how far it was sent; forgets when all of it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = path.with_name(f"{path.name}.sent")
        with path.open("rb") as file:
            self._head = hashlib.sha256(file.read(_HEAD)).hexdigest()

    def load(self) -> FileCheckpoint:
        """Where to go on; the beginning where nothing was sent. Raises ConfigurationError."""
        try:
            place = msgspec.json.decode(self._state.read_bytes(), type=FileCheckpoint)
        except FileNotFoundError:
            return FileCheckpoint(head=self._head)
        except msgspec.DecodeError:
            raise ConfigurationError(f"{self._state}: unreadable, remove it to begin") from None
        if place.head != self._head or place.offset > self._path.stat().st_size:
            raise ConfigurationError(
                f"{self._state} tells of another file than {self._path.name}:"
                " remove it to send this one from the beginning"
            )
        return place

    def save(self, place: FileCheckpoint) -> None:
        """Written beside and moved, so that a kill leaves the old place or the new one."""
        beside = self._state.with_name(f"{self._state.name}.new")
        beside.write_bytes(msgspec.json.encode(msgspec.structs.replace(place, head=self._head)))
        os.replace(beside, self._state)  # noqa: PTH105 - atomic, as its name in POSIX says

    def forget(self) -> None:
        self._state.unlink(missing_ok=True)


def skip_to(file: BinaryIO, line: int) -> FileCheckpoint:
    """Read over the lines before ``line``. Raises ConfigurationError when there are fewer."""
    place = FileCheckpoint()
    while place.line < line - 1:
        text = file.readline(LONGEST + 1)
        if not text:
            raise ConfigurationError(f"--from {line}: there are {place.line} lines")
        is_whole = text.endswith(b"\n") or len(text) <= LONGEST
        place = FileCheckpoint(line=place.line + is_whole, offset=place.offset + len(text))
    return place

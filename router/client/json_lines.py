"""Reads a file with one event a line (JSON Lines) in batches that fit into a request.

Memory contains one line and one batch, whatever the file's size. A checkpoint is a byte offset: a
run that starts there sends what an uninterrupted run would have sent next.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from router.errors import ConfigurationError
from router.events.json_text import BOM

MAX_LINE_BYTES: Final = 4 << 20
_HEAD_BYTES: Final = 4096
"""The length of the beginning that tells one file from another."""


class Line(msgspec.Struct, frozen=True):
    """One line that is not empty. Numbers count from 1."""

    number: int
    end: int
    """The offset of the byte after the line and its line end."""
    text: bytes


Batch = tuple[Line, ...]


class FileCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been sent. Written to disk as JSON, so a field must not be renamed."""

    line: int = 0
    """The last line that was accepted; 0 for none."""
    offset: int = 0
    """The offset of the byte after that line."""
    head: str = ""
    """The SHA-256 of the file's first 4096 bytes, in hex."""


def lines(file: BinaryIO, start: FileCheckpoint, name: str) -> Iterator[Line]:
    """Yield the lines of a file after a checkpoint.

    Args:
        file: The file, positioned at ``start.offset``.
        start: The checkpoint to start from.
        name: The file's name, for error messages.

    Raises:
        ConfigurationError: A line is longer than ``MAX_LINE_BYTES``.

    """
    number, end = start.line, start.offset
    while text := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(text)
        if len(text) > MAX_LINE_BYTES:
            raise ConfigurationError(
                f"{name}:{number}: the line is longer than {MAX_LINE_BYTES} bytes"
            )
        stripped = text.removeprefix(BOM).strip()
        if stripped:
            yield Line(number, end, stripped)


def batches(source: Iterable[Line], *, events: int, size: int) -> Iterator[Batch]:
    """Yield the lines in batches of at most ``events`` lines and about ``size`` bytes."""
    batch: list[Line] = []
    batch_size = 0
    for line in source:
        if batch and (len(batch) >= events or batch_size + len(line.text) > size):
            yield tuple(batch)
            batch, batch_size = [], 0
        batch.append(line)
        batch_size += len(line.text) + 1
    if batch:
        yield tuple(batch)


def body_of(batch: Batch) -> bytes:
    """Return the JSON array of a batch."""
    return b"[" + b",".join(line.text for line in batch) + b"]"


class CheckpointFile:
    """The file ``<name>.sent`` beside a file of events, which contains its checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = path.with_name(f"{path.name}.sent")
        with path.open("rb") as file:
            self._head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()

    def load(self) -> FileCheckpoint:
        """Return the checkpoint to resume from; the beginning if nothing was sent.

        Raises:
            ConfigurationError: The checkpoint is unreadable or belongs to another file.

        """
        try:
            checkpoint = msgspec.json.decode(self._state.read_bytes(), type=FileCheckpoint)
        except FileNotFoundError:
            return FileCheckpoint(head=self._head)
        except msgspec.DecodeError:
            raise ConfigurationError(
                f"{self._state}: unreadable checkpoint: remove it to send the file from the"
                " beginning"
            ) from None
        if checkpoint.head != self._head or checkpoint.offset > self._path.stat().st_size:
            raise ConfigurationError(
                f"{self._state}: the checkpoint belongs to another file than {self._path.name}:"
                " remove it to send this one from the beginning"
            )
        return checkpoint

    def save(self, checkpoint: FileCheckpoint) -> None:
        """Write the checkpoint to a temporary file and rename it.

        A process that is killed leaves the old checkpoint or the new one.
        """
        temporary = self._state.with_name(f"{self._state.name}.new")
        temporary.write_bytes(
            msgspec.json.encode(msgspec.structs.replace(checkpoint, head=self._head))
        )
        os.replace(temporary, self._state)  # noqa: PTH105 - the POSIX call that is atomic

    def remove(self) -> None:
        """Delete the checkpoint, because all of the file was sent."""
        self._state.unlink(missing_ok=True)


def skip_to(file: BinaryIO, line: int) -> FileCheckpoint:
    """Read up to ``line`` and return the checkpoint before it.

    Raises:
        ConfigurationError: The file has fewer lines.

    """
    checkpoint = FileCheckpoint()
    while checkpoint.line < line - 1:
        text = file.readline(MAX_LINE_BYTES + 1)
        if not text:
            raise ConfigurationError(f"--from {line}: the last line is {checkpoint.line}")
        is_whole = text.endswith(b"\n") or len(text) <= MAX_LINE_BYTES
        checkpoint = FileCheckpoint(
            line=checkpoint.line + is_whole, offset=checkpoint.offset + len(text)
        )
    return checkpoint

"""Decompress a body in gzip piece by piece, of one member or of several that follow each other.

Compressors that work in parallel or append write several members, and some senders pad with zeros,
as gzip itself accepts. The size of each piece that comes out is limited, and so are the members,
because an empty one costs more than its twenty bytes.

Source: RFC 1952, section 2.2.
"""

import zlib
from typing import Final

_WINDOW: Final = 16 + zlib.MAX_WBITS
_MAX_MEMBERS: Final = 10_000


class BadGzipError(Exception):
    """Raised when bytes are not gzip; the message says why."""


class GzipStream:
    """The state of one body."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WINDOW)
        self._members = 1

    def decompress(self, chunk: bytes, most: int) -> bytes:
        """Return what ``chunk`` adds, at most ``most`` bytes of it; the rest is dropped.

        Raises:
            BadGzipError: The bytes are not gzip.
        """
        pieces: list[bytes] = []
        while chunk and most > 0:
            if self._member.eof:
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    break
                self._begin_member(chunk)
            try:
                piece = self._member.decompress(chunk, most)
            except zlib.error:
                raise BadGzipError("it is corrupt") from None
            pieces.append(piece)
            most -= len(piece)
            chunk = self._member.unused_data
        return b"".join(pieces)

    def end(self) -> None:
        """Check that the last member is complete.

        Raises:
            BadGzipError: It is not.
        """
        if not self._member.eof:
            raise BadGzipError("it is truncated")

    def _begin_member(self, chunk: bytes) -> None:
        if not chunk.startswith(b"\x1f"):
            raise BadGzipError("data follows its end")
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise BadGzipError(f"it has more than {_MAX_MEMBERS} members")
        self._member = zlib.decompressobj(_WINDOW)

"""Records as the Kinesis Producer Library aggregates them."""

import hashlib
from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"


def varint(number: int) -> bytes:
    low = b""
    while number > 0x7F:
        low += bytes([number & 0x7F | 0x80])
        number >>= 7
    return low + bytes([number])


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def user_record(body: bytes, *, more: bytes = b"") -> bytes:
    return b"\x08\x00" + field(3, body) + more


def sealed(message: bytes) -> bytes:
    """Return a message between the magic number and its MD5."""
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def aggregated(bodies: Sequence[bytes], *, keys: Sequence[str] = ("key",)) -> bytes:
    table = b"".join(field(1, key.encode()) for key in keys)
    return sealed(table + b"".join(field(3, user_record(body)) for body in bodies))

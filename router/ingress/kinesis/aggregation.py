"""Records that the Kinesis Producer Library has aggregated: several user records in one. Pure.

Such a record is a magic number, a message of Protocol Buffers, and the MD5 of the message:

    message AggregatedRecord {
      repeated string partition_key_table = 1;
      repeated string explicit_hash_key_table = 2;
      repeated Record records = 3;
    }
    message Record {
      required uint64 partition_key_index = 1;
      optional uint64 explicit_hash_key_index = 2;
      required bytes data = 3;
      repeated Tag tags = 4;
    }

Only ``records`` and their ``data`` are read. The number of fields is limited, because a record of 1 MiB
has room for half a million empty ones, which would occupy the event loop for half a second. All user records are returned, the ones with a key of another shard too: after a
reshard the producer may send such a record again, and a copy is recognised as a duplicate.

Source: Kinesis Producer Library, "KPL Aggregated Record Format"; Protocol Buffers, "Encoding".
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from router.errors import RouterError

_MAGIC: Final = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES: Final = 16
_RECORDS: Final = 3
_DATA: Final = 3
_MAX_VARINT_BYTES: Final = 10
_FIELDS_FOR_EACH_RECORD: Final = 4
"""The record and its two keys, and one to spare."""
_OTHER_FIELDS: Final = 1000
_FIELDS_OF_A_RECORD: Final = 100
"""Its index of keys, its data, and tags, which no producer writes so far."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class AggregationError(RouterError):
    """Raised when a record begins as an aggregated one and is none, or has too many user records."""


def is_aggregated(data: bytes) -> bool:
    """Return whether a record begins as an aggregated one. No JSON text does."""
    return data.startswith(_MAGIC)


def deaggregate(data: bytes, *, max_records: int) -> list[bytes]:
    """Return the user records of an aggregated record, in their order.

    Raises:
        AggregationError: The record is damaged, or has more than ``max_records`` user records.
    """
    message, digest = data[len(_MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    # MD5 is the format's checksum and protects nothing.
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise AggregationError("the aggregated record is damaged: its MD5 is another one")
    found: list[bytes] = []
    most = _FIELDS_FOR_EACH_RECORD * max_records + _OTHER_FIELDS
    for field, record in _fields(message, most):
        if field != _RECORDS:
            continue
        if len(found) == max_records:
            raise AggregationError(
                f"the aggregated record has more than {max_records} records"
                " (ROUTER_MAX_EVENTS_PER_REQUEST)"
            )
        bodies = [
            value for number, value in _fields(record, _FIELDS_OF_A_RECORD) if number == _DATA
        ]
        if not bodies:
            raise AggregationError("the aggregated record is malformed: a record without data")
        found.append(bodies[-1])  # as Protocol Buffers demands of a field that occurs twice
    return found


def _fields(message: bytes, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each field that has bytes; skip the others.

    Raises AggregationError: also if there are more than ``most`` fields.
    """
    at = 0
    fields = 0
    while at < len(message):
        fields += 1
        if fields > most:
            raise AggregationError(
                f"the aggregated record has more than {most} fields in one message"
            )
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise AggregationError("the aggregated record is malformed: it ends too early")
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise AggregationError(f"the aggregated record is malformed: wire type {kind}")
    if at > len(message):
        raise AggregationError("the aggregated record is malformed: it ends too early")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it. Raise AggregationError."""
    value = 0
    for shift in range(_MAX_VARINT_BYTES):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            return value, at
    raise AggregationError("the aggregated record is malformed: a number without an end")

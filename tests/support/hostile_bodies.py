"""Bodies of a size, 4 MiB unless told, that cost a decoder most, by name."""

from collections.abc import Mapping
from typing import Final

SIZE: Final = 4 << 20
_START: Final = b'{"specversion":"1.0","id":"1","source":"/s","type":"t"'


def _event(data: bytes) -> bytes:
    return _START + b',"data":' + data + b"}"


def _list_of(unit: bytes, size: int) -> bytes:
    return b"[" + b",".join([unit] * (size // (len(unit) + 1))) + b"]"


def _members(size: int) -> bytes:
    return b",".join(b'"%x":1' % number for number in range(16, size // 10))


def _events(data: bytes, size: int) -> bytes:
    event = _event(data)
    return b"[" + b",".join([event] * min(1000, size // (len(event) + 1))) + b"]"


def hostile_bodies(size: int = SIZE) -> Mapping[str, bytes]:
    """Return the bodies."""
    room = size - 300
    return {
        "nested lists": _event(_list_of(b"[]", room)),
        "nested objects": _event(_list_of(b"{}", room)),
        "lists 60 deep": _event(_list_of(b"[" * 60 + b"]" * 60, room)),
        "members": _event(b"{" + _members(room) + b"}"),
        "extensions": _START + b"," + _members(room) + b"}",
        "one name again and again": _START + b',"x":1' * (room // 6) + b"}",
        "floats near the largest": _event(_list_of(b"1.7976931348623157e308", room)),
        "floats near the smallest": _event(_list_of(b"2.2250738585072011e-308", room)),
        "short extreme floats": _event(_list_of(b"1e300", room)),
        "integers of 300 digits": _event(_list_of(b"9" * 300, room)),
        "one integer": _event(b"9" * room),
        "texts": _event(_list_of(b'"a"', room)),
        "texts of brackets": _event(_list_of(b'"["', room)),
        "one text of escapes": _event(b'"' + b"\\u00e9" * (room // 6) + b'"'),
        "one text of quotes": _event(b'"' + b'\\"' * (room // 2) + b'"'),
        "one text without an end": _event(b'"' + b'\\"' * (room // 2)),
        "an id": _START.replace(b'"1"', b'"' + b"\\u00e9" * (room // 6) + b'"') + b"}",
        "one text of lone surrogates": _event(b'"' + b"\\ud83d" * (room // 6) + b'"'),
        "one text of pairs of surrogates": _event(
            b'"' + b"\\ud83d\\ude00" * (room // 12 - 1) + b'\\ud83d"'
        ),
        "malformed after many events": _events(_list_of(b"{}", 4000), size)[:-1] + b",True]",
        "lists that are malformed": b"[" + _event(_list_of(b"[]", room) + b"x") + b"]",
        "spaces": b" " * room + _event(b"1"),
        "lists without an end": _event(b"[" * room),
        "tiny elements": _list_of(b"1", room),
        "empty elements": _list_of(b"{}", room),
        "many events of lists": _events(_list_of(b"[]", 4000), size),
        "many events of extreme floats": _events(_list_of(b"1e300", 4000), size),
        "a small body of extreme floats": _event(_list_of(b"1e300", 65_000)),
        "many events of members": _events(b"{" + _members(4000) + b"}", size),
    }

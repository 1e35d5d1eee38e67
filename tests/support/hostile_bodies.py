"""Bodies of up to 4 MiB that cost a decoder most, by name."""

from collections.abc import Mapping
from typing import Final

SIZE: Final = 4 << 20
_ROOM: Final = SIZE - 300
_START: Final = b'{"specversion":"1.0","id":"1","source":"/s","type":"t"'


def _event(data: bytes) -> bytes:
    return _START + b',"data":' + data + b"}"


def _list_of(unit: bytes, size: int = _ROOM) -> bytes:
    return b"[" + b",".join([unit] * (size // (len(unit) + 1))) + b"]"


def _members(size: int = _ROOM) -> bytes:
    return b",".join(b'"%x":1' % number for number in range(16, size // 10))


def _events(data: bytes) -> bytes:
    event = _event(data)
    return b"[" + b",".join([event] * min(1000, SIZE // (len(event) + 1))) + b"]"


def hostile_bodies() -> Mapping[str, bytes]:
    """Return the bodies."""
    return {
        "nested lists": _event(_list_of(b"[]")),
        "nested objects": _event(_list_of(b"{}")),
        "lists 60 deep": _event(_list_of(b"[" * 60 + b"]" * 60)),
        "members": _event(b"{" + _members() + b"}"),
        "extensions": _START + b"," + _members() + b"}",
        "one name again and again": _START + b',"x":1' * (_ROOM // 6) + b"}",
        "floats near the largest": _event(_list_of(b"1.7976931348623157e308")),
        "floats near the smallest": _event(_list_of(b"2.2250738585072011e-308")),
        "short extreme floats": _event(_list_of(b"1e300")),
        "integers of 300 digits": _event(_list_of(b"9" * 300)),
        "one integer": _event(b"9" * _ROOM),
        "texts": _event(_list_of(b'"a"')),
        "texts of brackets": _event(_list_of(b'"["')),
        "one text of escapes": _event(b'"' + b"\\u00e9" * (_ROOM // 6) + b'"'),
        "one text of quotes": _event(b'"' + b'\\"' * (_ROOM // 2) + b'"'),
        "one text without an end": _event(b'"' + b'\\"' * (_ROOM // 2)),
        "an id": _START.replace(b'"1"', b'"' + b"\\u00e9" * (_ROOM // 6) + b'"') + b"}",
        "one text of lone surrogates": _event(b'"' + b"\\ud83d" * (_ROOM // 6) + b'"'),
        "one text of pairs of surrogates": _event(
            b'"' + b"\\ud83d\\ude00" * (_ROOM // 12 - 1) + b'\\ud83d"'
        ),
        "malformed after a thousand events": _events(_list_of(b"{}", 4000))[:-1] + b",True]",
        "lists that are malformed": b"[" + _event(_list_of(b"[]") + b"x") + b"]",
        "spaces": b" " * _ROOM + _event(b"1"),
        "lists without an end": _event(b"[" * _ROOM),
        "tiny elements": _list_of(b"1"),
        "empty elements": _list_of(b"{}"),
        "a thousand events of lists": _events(_list_of(b"[]", 4000)),
        "a thousand events of extreme floats": _events(_list_of(b"1e300", 4000)),
        "a small body of extreme floats": _event(_list_of(b"1e300", 65_000)),
        "a thousand events of members": _events(b"{" + _members(4000) + b"}"),
    }

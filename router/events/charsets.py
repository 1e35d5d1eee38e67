"""The character sets of texts that senders declare, for ingress and worker alike.

The table is closed, because Python's registry of codecs stores each name that it was asked for ever,
and has codecs that are none of a character set.

Source: IANA, "Character Sets"; RFC 9110, section 8.3.2.
"""

import functools
import re
from collections.abc import Mapping
from typing import Final

from router.errors import EventError, UnsupportedCharsetError

UTF8: Final = "utf-8"
_PARAMETER: Final = re.compile(
    r";\s*charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']*))", re.IGNORECASE
)
_SHOWN: Final = 60

_GROUPS: Final[Mapping[str, str]] = {
    UTF8: "utf8 unicode-1-1-utf-8 utf8mb4 us-ascii ascii ansi-x3.4-1968 iso646-us",
    "utf-16": "utf16 unicode ucs-2 iso-10646-ucs-2",
    "utf-16-le": "utf-16le utf16le",
    "utf-16-be": "utf-16be utf16be",
    "utf-32": "utf32 iso-10646-ucs-4 ucs-4",
    "utf-32-le": "utf-32le utf32le",
    "utf-32-be": "utf-32be utf32be",
    "latin-1": "iso-8859-1 iso8859-1 iso88591 latin1 l1 ibm819 cp819",
    "gb18030": "gbk gb2312 x-gbk cp936 ms936 windows-936",
    "big5": "big5-hkscs cn-big5 x-x-big5",
    "shift_jis": "shift-jis sjis x-sjis ms-kanji csshiftjis",
    "cp932": "windows-31j ms932",
    "euc_jp": "euc-jp x-euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "cp949": "euc-kr ks-c-5601-1987 uhc windows-949",
    "koi8-r": "koi8 koi",
    "koi8-u": "",
    "mac-roman": "macintosh mac x-mac-roman",
    "cp874": "tis-620 windows-874 iso-8859-11",
    "cp437": "ibm437",
    "cp850": "ibm850",
    "cp852": "ibm852",
    "cp866": "ibm866",
}
"""Names, apart with a space, of each of Python's codecs."""


def _table() -> dict[str, str]:
    table = {name: codec for codec, names in _GROUPS.items() for name in (codec, *names.split())}
    for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16):
        for name in (f"iso-8859-{number}", f"iso8859-{number}"):
            table[name] = f"iso8859-{number}"
    for number, latin in ((2, 2), (3, 3), (4, 4), (9, 5), (10, 6), (15, 9)):
        table[f"latin{latin}"] = table[f"latin-{latin}"] = f"iso8859-{number}"
    for number in range(1250, 1259):
        for name in (f"windows-{number}", f"cp{number}", f"cp-{number}"):
            table[name] = f"cp{number}"
    return table


_CODECS: Final = _table()


@functools.lru_cache(maxsize=64)
def codec_of(content_type: str, *, path: str = "") -> str:
    """Return Python's codec for the parameter ``charset`` of a media type; UTF-8 if it has none.

    US-ASCII is part of UTF-8, and senders that state it often send UTF-8.

    Args:
        content_type: The media type.
        path: The JSON path of the media type, for the error; ``""`` if it is a header.

    Raises:
        UnsupportedCharsetError: The table does not have the name.
    """
    if ";" not in content_type:
        return UTF8
    found = _PARAMETER.search(content_type)
    name = next((part for part in found.groups() if part), "") if found is not None else ""
    codec = _CODECS.get(name.strip().lower().replace("_", "-")) if name else UTF8
    if codec is None:
        raise UnsupportedCharsetError(
            f"the charset {name[:_SHOWN]!r} is not supported, send the text in UTF-8", path
        )
    return codec


def to_utf8(text: bytes, codec: str) -> bytes:
    """Return a text of the character set ``codec`` in UTF-8.

    Raises:
        EventError: The text is not in that character set; texts in UTF-8 are not checked.
    """
    if codec == UTF8:
        return text
    try:
        return text.decode(codec).encode()
    except UnicodeError as error:
        reason = getattr(error, "reason", str(error))
        raise EventError("not_json", f"the text is not {codec}: {reason}", "$") from None

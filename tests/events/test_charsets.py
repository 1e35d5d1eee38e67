"""The character sets that senders declare."""

import codecs

import pytest

from router.errors import EventError, UnsupportedCharsetError
from router.events.charsets import _CODECS, codec_of, to_utf8


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=UTF-8", "utf-8"),
        ("text/plain;charset=us-ascii", "utf-8"),
        ('text/plain; format=flowed; Charset="ISO-8859-1"', "latin-1"),
        ("text/plain; charset='latin1'", "latin-1"),
        ("text/plain; charset = iso_8859-1", "latin-1"),
        ("text/plain; charset=", "utf-8"),
        ("text/plain; charset=Windows-1252", "cp1252"),
        ("text/plain; charset=Shift_JIS", "shift_jis"),
        ("text/plain; charset=utf-16; x=y", "utf-16"),
    ],
)
def test_a_charset_is_found_by_its_names(content_type: str, codec: str) -> None:
    """Case I3."""
    assert codec_of(content_type) == codec


@pytest.mark.parametrize("name", ["x-unknown", "utf-7", "base64", "idna", "rot13", "é" * 500])
def test_another_charset_is_not_supported(name: str) -> None:
    """A codec of Python that is no character set is none either."""
    with pytest.raises(UnsupportedCharsetError, match="is not supported, send") as caught:
        codec_of(f"text/plain; charset={name}")

    assert len(caught.value.message) < 150


@pytest.mark.parametrize("codec", sorted(set(_CODECS.values())))
def test_each_codec_is_one_of_python(codec: str) -> None:
    assert codecs.lookup(codec)
    assert to_utf8("a5".encode(codec), codec) == b"a5"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (b"\xff", "utf-16"),
        (b"\x00\xd8", "utf-16-le"),
        (b"\xff\xff\xff\xff", "utf-32"),
        (b"\x81", "cp932"),
    ],
)
def test_a_text_of_another_charset_is_an_error(text: bytes, codec: str) -> None:
    with pytest.raises(EventError, match=f"the text is not {codec}"):
        to_utf8(text, codec)
